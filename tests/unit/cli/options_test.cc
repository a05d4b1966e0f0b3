#include "cli/options.h"

#include <set>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using Words = std::vector<std::string>;

Request parsed(Grammar grammar, const Words& words) {
  const Result<Request> request = parse_options(grammar, words);
  INFO((request ? "" : request.error().message));
  REQUIRE(request.ok());
  return *request;
}

std::string refused(Grammar grammar, const Words& words) {
  const Result<Request> request = parse_options(grammar, words);
  REQUIRE(!request.ok());
  return request.error().message;
}

TEST_CASE("each name stands for one option", "[cli][options]") {
  std::set<std::string> seen;
  for (const Option& option : option_table()) {
    for (const char letter : option.short_names) {
      CHECK(seen.insert(std::string(1, letter)).second);
    }
    for (const std::string_view name : option.long_names) {
      if (!name.empty()) CHECK(seen.insert(std::string(name)).second);
    }
  }
  CHECK(seen.size() > 30);
}

TEST_CASE("no words ask for a shell in the host's own tree", "[cli][options]") {
  for (const Grammar grammar : {Grammar::proot, Grammar::nestp}) {
    const Request request = parsed(grammar, {});
    CHECK(request.action == Action::run);
    CHECK(request.rootfs == "/");
    CHECK(request.command.empty());
    CHECK(request.on_exit == OnExit::wait);
    CHECK(request.accelerate);
  }
}

TEST_CASE("options end at the first other word", "[cli][options]") {
  for (const Grammar grammar : {Grammar::proot, Grammar::nestp}) {
    const Request request = parsed(grammar, {"-r", "/srv", "ls", "-b", "/x", "--", "--bind=/y"});
    CHECK(request.rootfs == "/srv");
    CHECK(request.bindings.empty());
    CHECK(request.command == Words{"ls", "-b", "/x", "--", "--bind=/y"});
  }
}

TEST_CASE("PRoot's grammar: a short option's value is apart", "[cli][options]") {
  CHECK(parsed(Grammar::proot, {"-r", "/a"}).rootfs == "/a");
  CHECK(parsed(Grammar::proot, {"-r /a b"}).rootfs == "/a b");
  CHECK(parsed(Grammar::proot, {"-r", "-x"}).rootfs == "-x");
  CHECK(refused(Grammar::proot, {"-r/a"}) ==
        "option '-r' and its value must be separated by a space");
  CHECK(refused(Grammar::proot, {"-r"}) == "option '-r' needs a value: DIR");
  CHECK(refused(Grammar::proot, {"-hV"}) == "unknown option '-hV'");
  CHECK(refused(Grammar::proot, {"-"}) == "unknown option '-'");
}

TEST_CASE("PRoot's grammar: a long option's value follows '='", "[cli][options]") {
  CHECK(parsed(Grammar::proot, {"--rootfs=/a=b"}).rootfs == "/a=b");
  CHECK(refused(Grammar::proot, {"--bind", "/x"}) ==
        "option '--bind' and its value must be joined by '=': --bind=HOST[:GUEST[!]]");
  CHECK(refused(Grammar::proot, {"--bind"}) == "option '--bind' needs a value: HOST[:GUEST[!]]");
  CHECK(refused(Grammar::proot, {"--kill-on-exit=1"}) == "option '--kill-on-exit' takes no value");
  CHECK(refused(Grammar::proot, {"--"}) == "unknown option '--'");
  CHECK(parsed(Grammar::proot, {"--help", "bind"}).topic.empty());
  CHECK(parsed(Grammar::proot, {"--help=bind"}).topic == "bind");
}

TEST_CASE("nestp's grammar takes all usual forms", "[cli][options]") {
  CHECK(parsed(Grammar::nestp, {"-r/a"}).rootfs == "/a");
  CHECK(parsed(Grammar::nestp, {"-r /a"}).rootfs == "/a");
  CHECK(parsed(Grammar::nestp, {"-r", "/a"}).rootfs == "/a");
  CHECK(parsed(Grammar::nestp, {"--root", "/a"}).rootfs == "/a");
  CHECK(parsed(Grammar::nestp, {"--rootfs=/a"}).rootfs == "/a");
  CHECK(parsed(Grammar::nestp, {"--", "-x"}).command == Words{"-x"});
  CHECK(parsed(Grammar::nestp, {"-vr/a"}).rootfs == "/a");
  CHECK(parsed(Grammar::nestp, {"-vr", "/a"}).verbosity == 1);
  CHECK(parsed(Grammar::nestp, {"-", "x"}).command == Words{"-", "x"});
  CHECK(refused(Grammar::nestp, {"--bind"}) == "option '--bind' needs a value: HOST[:GUEST[!]]");
  CHECK(refused(Grammar::nestp, {"-vb"}) == "option '-b' needs a value: HOST[:GUEST[!]]");
}

TEST_CASE("verbosity is a number, or counts in nestp's grammar", "[cli][options]") {
  CHECK(parsed(Grammar::proot, {"-v", "-1"}).verbosity == -1);
  CHECK(parsed(Grammar::proot, {"--verbose=3"}).verbosity == 3);
  CHECK(refused(Grammar::proot, {"-v", "ls"}) == "option '-v': 'ls' is not a number");
  CHECK(refused(Grammar::proot, {"--verbose"}) == "option '--verbose' needs a value: N");
  CHECK(parsed(Grammar::nestp, {"-v", "2", "ls"}).verbosity == 2);
  CHECK(parsed(Grammar::nestp, {"-v2", "ls"}).verbosity == 2);
  CHECK(parsed(Grammar::nestp, {"-vv", "ls"}).verbosity == 2);
  CHECK(parsed(Grammar::nestp, {"-v", "ls"}).command == Words{"ls"});
  CHECK(parsed(Grammar::nestp, {"--verbose", "ls"}).verbosity == 1);
  CHECK(refused(Grammar::nestp, {"--verbose=99999999999"}) ==
        "option '--verbose': '99999999999' is not a number");
}

TEST_CASE("bindings split at the first colon", "[cli][options]") {
  const Request request =
      parsed(Grammar::nestp, {"-b", "/a", "-m", "/b:/c:d!", "--ro-bind=/e:f", "--tmpfs", "/g"});
  REQUIRE(request.bindings.size() == 4);
  CHECK(request.bindings[0].host == "/a");
  CHECK(request.bindings[0].guest == "/a");
  CHECK(!request.bindings[0].keep_last_link);
  CHECK(request.bindings[1].host == "/b");
  CHECK(request.bindings[1].guest == "/c:d");
  CHECK(request.bindings[1].keep_last_link);
  CHECK(request.bindings[2].kind == RequestedBinding::Kind::read_only);
  CHECK(request.bindings[2].guest == "f");
  CHECK(request.bindings[3].kind == RequestedBinding::Kind::temporary);
  CHECK(request.bindings[3].guest == "/g");
}

TEST_CASE("a binding at / is the root file system, and the last one counts", "[cli][options]") {
  CHECK(parsed(Grammar::proot, {"-r", "/a", "-b", "/b:/"}).rootfs == "/b");
  CHECK(parsed(Grammar::proot, {"-b", "/b:/", "-r", "/a"}).rootfs == "/a");
  CHECK(parsed(Grammar::proot, {"-b", "/b:/"}).bindings.empty());
}

TEST_CASE("presets name a root file system too", "[cli][options]") {
  const Request recommended = parsed(Grammar::proot, {"-R", "/a"});
  CHECK(recommended.preset == Preset::recommended);
  CHECK(recommended.rootfs == "/a");
  CHECK(parsed(Grammar::nestp, {"-S/a"}).preset == Preset::as_root);
}

TEST_CASE("fake ids are root's or two numbers", "[cli][options]") {
  CHECK(!parsed(Grammar::nestp, {"ls"}).ids);
  CHECK(parsed(Grammar::proot, {"-0", "ls"}).ids == Request::Ids{});
  CHECK(parsed(Grammar::nestp, {"--root-id"}).ids == Request::Ids{});
  CHECK(parsed(Grammar::nestp, {"-S/a"}).ids == Request::Ids{});
  CHECK(parsed(Grammar::proot, {"-i", "17:42"}).ids == Request::Ids{.user = 17, .group = 42});
  for (const char* const wrong : {"", "17", "17:", ":42", "a:b", "1:2:3", "-1:0", "4294967295:0"}) {
    CHECK(refused(Grammar::nestp, {"-i", wrong}).ends_with("is not UID:GID, two numbers"));
  }
}

TEST_CASE("each malformed value has its sentence", "[cli][options]") {
  using Pair = std::pair<Words, std::string>;
  const auto [words, message] = GENERATE(
      values<Pair>({{{"-r", ""}, "option '-r': the root file system's path is empty"},
                    {{"-w", ""}, "option '-w': the directory's path is empty"},
                    {{"--tmpfs="}, "option '--tmpfs': the directory's path is empty"},
                    {{"-b", ":/x"}, "option '-b': ':/x' names no host path"},
                    {{"-b", "/x:"}, "option '-b': '/x:' names no guest path after ':'"},
                    {{"-b", "/x:!"}, "option '-b': '/x:!' names no guest path after ':'"},
                    {{"--env=A"}, "option '--env': 'A' is not NAME=VALUE"},
                    {{"--env==x"}, "option '--env': '=x' is not NAME=VALUE"},
                    {{"--unset-env=A=b"}, "option '--unset-env': 'A=b' is not a variable's name"},
                    {{"--on-exit=go"}, "option '--on-exit': 'go' is none of wait, kill, detach"},
                    {{"--stats=xml"}, "option '--stats': 'xml' is none of text, json"},
                    {{"--backend="}, "option '--backend': the backend's name is empty"},
                    {{"--help=nothing"}, "option '--help': there is no option 'nothing'"}}));
  CHECK(refused(Grammar::proot, words) == message);
  CHECK(refused(Grammar::nestp, words) == message);
}

TEST_CASE("an unknown option suggests a near one", "[cli][options]") {
  CHECK(refused(Grammar::nestp, {"--bnd=x"}) == "unknown option '--bnd', did you mean '--bind'?");
  CHECK(refused(Grammar::nestp, {"--kill-on-exist"}) ==
        "unknown option '--kill-on-exist', did you mean '--kill-on-exit'?");
  CHECK(refused(Grammar::nestp, {"--frobnicate"}) == "unknown option '--frobnicate'");
  CHECK(refused(Grammar::nestp, {"-Z"}) == "unknown option '-Z'");
}

TEST_CASE("what the guest finds", "[cli][options]") {
  for (const Grammar grammar : {Grammar::proot, Grammar::nestp}) {
    const Request request = parsed(grammar, {"-H", "-L", "-l", "-n", "--fake-proc", "--sysvipc",
                                             "-p", "80:8080", "--port=1:65535", "ls"});
    CHECK((request.hide_files && request.link_sizes && request.free_ports && request.fake_proc));
    CHECK((request.emulate_links && request.own_ipc));
    CHECK(request.ports == std::vector<PortPair>{{80, 8080}, {1, 65535}});
    for (const char* const wrong : {"", ":", "80", "80:", ":80", "0:1", "1:65536", "1:2:3", "-1:2"})
      CHECK(refused(grammar, {"-p", wrong}).find("' is not IN:OUT, two ") != std::string::npos);
  }
}

TEST_CASE("another kernel and another processor", "[cli][options]") {
  for (const Grammar grammar : {Grammar::proot, Grammar::nestp}) {
    const Request request = parsed(grammar, {"-q", "qemu-arm -cpu  max", "--mixed-mode", "false",
                                             "-k", "3.10", "--hostname=box", "ls"});
    CHECK(request.emulators.command == std::vector<std::string>{"qemu-arm", "-cpu", "max"});
    CHECK_FALSE(request.emulators.is_mixed);
    CHECK(request.kernel.release == "3.10");
    CHECK(request.kernel.node == "box");
    CHECK(parsed(grammar, {"--hostname=box", "-k", "3.10"}).kernel.node == "box");
    CHECK(refused(grammar, {"-q", " "}) == "option '-q': the emulator's name is empty");
    CHECK(refused(grammar, {"--mixed-mode=no"}) ==
          "option '--mixed-mode': 'no' is none of true, false");
    CHECK(refused(grammar, {"-k", ""}) == "option '-k': the kernel's release is empty");
  }
}

TEST_CASE("switches and words with choices", "[cli][options]") {
  const Request request = parsed(
      Grammar::proot, {"--kill-on-exit", "--die-with-parent", "--dev", "--trace", "--stats=json",
                       "--backtrace", "--dry-run", "--allow-io-uring", "--backend=ptrace", "ls"});
  CHECK(request.on_exit == OnExit::kill);
  CHECK(request.die_with_parent);
  CHECK(request.devices);
  CHECK(request.trace_file == "-");
  CHECK(request.stats == "json");
  CHECK(request.backtrace);
  CHECK(request.dry_run);
  CHECK(request.allow_io_uring);
  CHECK(request.backend == "ptrace");
  CHECK(parsed(Grammar::nestp, {"--stats", "json"}).stats == "text");
  CHECK(parsed(Grammar::nestp, {"--trace=/t"}).trace_file == "/t");
  CHECK(parsed(Grammar::nestp, {"--on-exit", "detach"}).on_exit == OnExit::detach);
}

TEST_CASE("changes of the environment keep their order", "[cli][options]") {
  const Request request =
      parsed(Grammar::nestp, {"--env", "A=1=2", "--clear-env", "--unset-env", "B"});
  REQUIRE(request.environment.size() == 3);
  CHECK(request.environment[0].kind == EnvironmentChange::Kind::set);
  CHECK(request.environment[0].name == "A");
  CHECK(request.environment[0].value == "1=2");
  CHECK(request.environment[1].kind == EnvironmentChange::Kind::clear);
  CHECK(request.environment[2].kind == EnvironmentChange::Kind::unset);
}

TEST_CASE("questions instead of a run", "[cli][options]") {
  CHECK(parsed(Grammar::proot, {"-h"}).action == Action::help);
  CHECK(parsed(Grammar::proot, {"--usage"}).action == Action::help);
  CHECK(parsed(Grammar::proot, {"--about"}).action == Action::version);
  CHECK(parsed(Grammar::proot, {"-V"}).action == Action::version);
  CHECK(parsed(Grammar::nestp, {"--help", "--bind"}).topic == "--bind");
  CHECK(parsed(Grammar::nestp, {"--list-syscalls"}).action == Action::list_syscalls);
  CHECK(parsed(Grammar::nestp, {"--generate", "man"}).topic == "man");
}

TEST_CASE("PRoot's variables count where no option speaks", "[cli][options]") {
  const Words environment = {"PROOT_NO_SECCOMP=", "PROOT_TMP_DIR=/t", "PROOT_VERBOSE=2",
                             "PROOT_IGNORE_MISSING_BINDINGS=1"};
  Request request;
  REQUIRE(apply_proot_variables(request, environment).ok());
  CHECK(!request.accelerate);
  CHECK(request.loader_directory == "/t");
  CHECK(request.verbosity == 2);
  CHECK(request.ignore_missing_bindings);

  Request spoken = parsed(Grammar::proot, {"-v", "0"});
  REQUIRE(apply_proot_variables(spoken, environment).ok());
  CHECK(spoken.verbosity == 0);

  Request untouched;
  REQUIRE(apply_proot_variables(untouched, Words{"PROOT_NO_SECCOMPX=1"}).ok());
  CHECK(untouched.accelerate);
  const Result<> wrong = apply_proot_variables(untouched, Words{"PROOT_VERBOSE=much"});
  REQUIRE(!wrong.ok());
  CHECK(wrong.error().message == "variable PROOT_VERBOSE: 'much' is not a number");
}

}  // namespace
}  // namespace nestp
