#include "cli/make_guest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "cli/report.h"

namespace nestp {
namespace {

namespace files = std::filesystem;
using Words = std::vector<std::string>;

/// A root file system with a shell (this test's own program), removed at the end.
class SmallRoot {
 public:
  SmallRoot() {
    std::string name = (files::temp_directory_path() / "make_guest_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    top_ = files::canonical(name);
    files::create_directories(top_ / "root/bin");
    files::create_directories(top_ / "root/home");
    files::create_directories(top_ / "data");
    // A script needs no C library in the guest, only the interpreter beside it.
    script("root/bin/sh", "#!/bin/interpreter\n");
    script("root/bin/tool", "#!/bin/interpreter\n");
    files::copy_file("/proc/self/exe", top_ / "root/bin/interpreter");
  }
  SmallRoot(const SmallRoot&) = delete;
  SmallRoot& operator=(const SmallRoot&) = delete;
  ~SmallRoot() { files::remove_all(top_); }

  void script(const std::string& name, const std::string& text) const {
    std::ofstream(top_ / name) << text;
    files::permissions(top_ / name, files::perms(0755));
  }

  std::string path(const std::string& name = "root") const { return (top_ / name).string(); }

 private:
  files::path top_;
};

Request request_for(const SmallRoot& root, const Words& more) {
  Words words = {"-r", root.path()};
  words.insert(words.end(), more.begin(), more.end());
  const Result<Request> request = parse_options(Grammar::nestp, words);
  REQUIRE(request.ok());
  return *request;
}

const Surroundings kSurroundings{.environment = {"PATH=/usr/bin:/bin", "A=1"}, .directory = "/"};

PreparedGuest made(const SmallRoot& root, const Words& more,
                   const Surroundings& surroundings = kSurroundings) {
  auto prepared = make_guest(request_for(root, more), surroundings);
  INFO((prepared ? "" : prepared.error().error.message));
  REQUIRE(prepared.ok());
  return std::move(*prepared);
}

StartError refused(const SmallRoot& root, const Words& more) {
  const auto prepared = make_guest(request_for(root, more), kSurroundings);
  REQUIRE(!prepared.ok());
  return prepared.error();
}

bool has(const Words& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

TEST_CASE("without a command a login shell runs in the root", "[cli][make_guest]") {
  const SmallRoot root;
  const PreparedGuest prepared = made(root, {});
  CHECK(prepared.guest.program == "/bin/sh");
  CHECK(prepared.guest.command == Words{"-sh"});
  CHECK(prepared.guest.directory.text() == "/");
  CHECK(prepared.guest.view->binding_at(GuestPath::root())->host.text() == root.path());
  CHECK(has(prepared.guest.environment, "PWD=/"));
  CHECK(has(prepared.guest.environment, "A=1"));
  CHECK(prepared.warnings.empty());
}

TEST_CASE("a command is looked for in the guest's PATH", "[cli][make_guest]") {
  const SmallRoot root;
  CHECK(made(root, {"tool", "x"}).guest.program == "/bin/tool");
  CHECK(made(root, {"tool", "x"}).guest.command == Words{"tool", "x"});
  CHECK(made(root, {"-w", "/bin", "./tool"}).guest.program == "./tool");
  CHECK(made(root, {"--clear-env", "tool"}).guest.program == "/bin/tool");
  CHECK(made(root, {"-w", "/bin", "--env=PATH=", "tool"}).guest.program == "./tool");
  const StartError missing = refused(root, {"--env=PATH=/usr/bin", "tool"});
  CHECK(missing.failure == StartFailure::not_found);
  CHECK(missing.error.message.find("\"tool\" is in no directory of the guest's PATH (/usr/bin)") ==
        0);
}

TEST_CASE("commands that cannot be executed", "[cli][make_guest]") {
  const SmallRoot root;
  CHECK(refused(root, {"/bin/none"}).failure == StartFailure::not_found);
  CHECK(refused(root, {"/bin"}).failure == StartFailure::not_executable);
  root.script("root/bin/lost", "#!/nowhere/python\n");
  CHECK(refused(root, {"lost"}).error.message.find("\"/nowhere/python\"") != std::string::npos);
  root.script("root/bin/plain", "text");
  CHECK(refused(root, {"plain"}).failure == StartFailure::not_executable);
  files::permissions(root.path("root/bin/plain"), files::perms(0644));
  CHECK(refused(root, {"plain"}).error.message.find("is not executable") != std::string::npos);
  files::remove(root.path("root/bin/sh"));
  CHECK(refused(root, {}).error.message.find("has no /bin/sh") != std::string::npos);
}

TEST_CASE("a start directory that the guest lacks is /", "[cli][make_guest]") {
  const SmallRoot root;
  CHECK(made(root, {"-w", "/home"}).guest.directory.text() == "/home");
  files::create_directory_symlink("home", root.path("root/link"));
  const PreparedGuest linked = made(root, {"-w", "/link/"});
  CHECK(linked.guest.directory.text() == "/home");
  CHECK(has(linked.guest.environment, "PWD=/home"));

  const PreparedGuest missing = made(root, {"-w", "/absent"});
  CHECK(missing.guest.directory.text() == "/");
  REQUIRE(missing.warnings.size() == 1);
  CHECK(missing.warnings[0] ==
        "the guest has no directory \"/absent\" (No such file or directory), starting in \"/\"");

  const Surroundings here{.environment = {}, .directory = "/home"};
  CHECK(made(root, {}, here).guest.directory.text() == "/home");
  CHECK(made(root, {"-w", "../bin"}, here).guest.directory.text() == "/bin");
  const Surroundings elsewhere{.environment = {}, .directory = "/absent"};
  CHECK(made(root, {}, elsewhere).warnings.empty());
}

TEST_CASE("bindings of all kinds reach the view", "[cli][make_guest]") {
  const SmallRoot root;
  const PreparedGuest prepared = made(root, {"-b", root.path("data") + ":/home/data", "--ro-bind",
                                             root.path("data") + ":/ro", "--tmpfs", "/scratch"});
  const View& view = *prepared.guest.view;
  const auto binding = [&view](const char* path) {
    return view.binding_at(*GuestPath::parse(path));
  };
  REQUIRE(binding("/home/data") != nullptr);
  CHECK(binding("/home/data")->host.text() == root.path("data"));
  CHECK(!binding("/home/data")->read_only);
  REQUIRE(binding("/ro") != nullptr);
  CHECK(binding("/ro")->read_only);
  REQUIRE(binding("/scratch") != nullptr);
  CHECK(binding("/scratch")->type == "tmpfs");
  CHECK(!files::exists(root.path("root/scratch")));
  CHECK(!files::exists(root.path("root/home/data")));

  const std::string text = guest_text(prepared, "ptrace");
  CHECK(text.find("binding     tmpfs -> /scratch\n") != std::string::npos);
  CHECK(text.find(" -> /ro (read-only)\n") != std::string::npos);
  CHECK(text.find("root        " + root.path() + "\n") != std::string::npos);
}

TEST_CASE("a binding whose host path is missing is dropped", "[cli][make_guest]") {
  const SmallRoot root;
  const PreparedGuest loud = made(root, {"-b", root.path("absent") + ":/x"});
  REQUIRE(loud.warnings.size() == 1);
  CHECK(loud.warnings[0].find(root.path("absent")) != std::string::npos);
  CHECK(loud.guest.view->binding_at(*GuestPath::parse("/x")) == nullptr);

  Request request = request_for(root, {"-b", root.path("absent") + ":/x"});
  request.ignore_missing_bindings = true;
  const auto quiet = make_guest(request, kSurroundings);
  REQUIRE(quiet.ok());
  CHECK(quiet->warnings.empty());
}

TEST_CASE("root file systems that are none", "[cli][make_guest]") {
  const SmallRoot root;
  Request request = request_for(root, {});
  request.rootfs = root.path("root/bin/sh");
  CHECK(make_guest(request, kSurroundings).error().error.message.find("is not a directory") !=
        std::string::npos);
  request.rootfs = "absent";
  CHECK(make_guest(request, kSurroundings).error().error.message.find("\"absent\" does not") !=
        std::string::npos);
}

TEST_CASE("--dev shows devices and links, and only them", "[cli][make_guest]") {
  const SmallRoot root;
  const PreparedGuest prepared = made(root, {"--dev"});
  const View& view = *prepared.guest.view;
  CHECK(view.to_host(*GuestPath::parse("/dev/null")).text() == "/dev/null");
  const files::path empty = view.binding_at(*GuestPath::parse("/dev"))->host.text();
  CHECK(files::read_symlink(empty / "stdin") == "/proc/self/fd/0");
  CHECK(files::read_symlink(empty / "fd") == "/proc/self/fd");
  CHECK(view.binding_at(*GuestPath::parse("/dev/sda")) == nullptr);
  CHECK(!files::exists(root.path("root/dev")));
}

TEST_CASE("the presets' lists", "[cli][make_guest]") {
  const auto hosts = [](const std::vector<RequestedBinding>& bindings) {
    Words words;
    for (const RequestedBinding& binding : bindings) {
      CHECK(binding.optional);
      CHECK(binding.guest == binding.host);
      words.push_back(binding.host);
    }
    return words;
  };
  const Words recommended = hosts(preset_bindings(Preset::recommended, "/home/me", "/srv"));
  for (const char* const path : {"/etc/passwd", "/dev", "/proc", "/run", "/home/me", "/srv"}) {
    CHECK(has(recommended, path));
  }
  const Words as_root = hosts(preset_bindings(Preset::as_root, "", "/"));
  CHECK(has(as_root, "/run/shm"));
  CHECK(!has(as_root, "/etc/passwd"));
  CHECK(!has(as_root, "/"));
  CHECK(preset_bindings(Preset::none, "/home/me", "/srv").empty());
}

TEST_CASE("fake ids are one more extension", "[cli][make_guest]") {
  const SmallRoot root;
  Request request = request_for(root, {});
  const auto plain = make_guest(request, kSurroundings);
  REQUIRE(plain.ok());
  request.ids = Request::Ids{.user = 17, .group = 42};
  const auto prepared = make_guest(request, kSurroundings);
  REQUIRE(prepared.ok());
  REQUIRE(prepared->extensions.size() == plain->extensions.size() + 1);
  CHECK(prepared->extensions[0]->name() == "identity");
}

TEST_CASE("changes of the environment apply in order", "[cli][make_guest]") {
  using Kind = EnvironmentChange::Kind;
  const Words before = {"A=1", "AB=2", "C=3"};
  const std::vector<EnvironmentChange> changes = {{Kind::set, "A", "x=y"}, {Kind::unset, "C"}};
  CHECK(changed_environment(before, changes) == Words{"A=x=y", "AB=2"});
  const std::vector<EnvironmentChange> cleared = {
      {Kind::set, "D", "1"}, {.kind = Kind::clear}, {Kind::set, "E", ""}};
  CHECK(changed_environment(before, cleared) == Words{"E="});
}

TEST_CASE("words for a shell", "[cli][report]") {
  CHECK(shell_words(Words{"ls", "-l", "a b", "", "it's"}) == "ls -l 'a b' '' 'it'\\''s'");
}

TEST_CASE("the list of calls names numbers and what is left", "[cli][report]") {
  const std::string list = syscall_list();
  CHECK(list.find("\nopenat2 ") != std::string::npos);
  CHECK(list.find(" \n") == std::string::npos);
}

}  // namespace
}  // namespace nestp
