#include <catch2/catch.hpp>

#include "cli/junest/command_line.h"
#include "cli/junest/enter.h"
#include "cli/junest/host_files.h"
#include "cli/junest/place.h"

namespace nestp::junest {
namespace {

using Words = std::vector<std::string>;

CommandLine parsed(const Words& words) {
  const auto line = parse(words);
  REQUIRE(line);
  return *line;
}

TEST_CASE("the first word names the action, or it is ns", "[cli][junest]") {
  CHECK(parsed({}).action == Action::ns);
  CHECK(parsed({""}).action == Action::ns);
  CHECK(parsed({"ls"}).command == Words{"ls"});
  CHECK(parsed({"-f"}).fakeroot);
  CHECK(parsed({"--", "setup"}).command == Words{"setup"});
  CHECK(parsed({"s"}).action == Action::setup);
  CHECK(parsed({"n"}).action == Action::ns);
  CHECK(parsed({"p"}).action == Action::proot);
  CHECK(parsed({"g"}).action == Action::groot);
  CHECK(parsed({"r"}).action == Action::root);
  CHECK(parsed({"b"}).action == Action::build);
  CHECK(parsed({"-h", "what", "-ever"}).action == Action::help);
  CHECK(parsed({"setup", "-d"}).action == Action::remove);
}

TEST_CASE("options belong to their actions", "[cli][junest]") {
  CHECK_FALSE(parsed({"ns", "-n"}).copy_files);
  CHECK_FALSE(parsed({"build", "-n"}).check);
  CHECK(parsed({"create-bin-wrappers", "-f", "-p", "/x"}).bin_path == "/x");
  CHECK(parsed({"setup", "-i", "f", "--arch", "arm"}).from_file == "f");
  CHECK_FALSE(parse(Words{"groot", "-f"}));
  CHECK_FALSE(parse(Words{"ns", "-i", "x"}));
  CHECK_FALSE(parse(Words{"setup", "--"}));
  CHECK_FALSE(parse(Words{"ns", "-b"}));
  CHECK_FALSE(parse(Words{"setup", "-d", "word"}));
}

TEST_CASE("what a backend is started with", "[cli][junest]") {
  const Place place{
      .home = "/h", .temporary = "/tmp", .user_home = "/home/u", .uid = 7, .arch = "x86"};
  const auto all = [](const std::string&) { return true; };
  const auto none = [](const std::string&) { return false; };
  CommandLine line = parsed({"proot", "-f", "true"});
  CHECK(backend_call(place, line, "/q", all).words ==
        Words{"-q",   "/q",   "-0", "-b",      "/run/user/7", "-b",   "/home/u",
              "-b",   "/tmp", "-b", "/proc",   "-b",          "/sys", "-b",
              "/dev", "-r",   "/h", "/bin/sh", "--login",     "-c",   "true"});
  CHECK(backend_call(place, parsed({"proot"}), "", none).words ==
        Words{"-r", "/h", "/bin/sh", "--login"});
  CHECK(backend_call(place, parsed({"root", "-b", "--x"}), "", all).words ==
        Words{"--x", "/h", "/bin/sh", "--login"});
}

TEST_CASE("an account takes the place of those with its name or id", "[cli][junest]") {
  const std::string file = "root:x:0:0::/:/bin/sh\nhttp:x:33:33::/srv:/bin/no\nu:x:9:9::/a:/b\n";
  CHECK(with_account(file, "u:x:1000:1000::/home/u:/bin/sh") ==
        "root:x:0:0::/:/bin/sh\nhttp:x:33:33::/srv:/bin/no\nu:x:1000:1000::/home/u:/bin/sh\n");
  CHECK(with_account("a:x:5:\nb:x:6:\n", "b:x:5:") == "b:x:5:\n");
  CHECK(with_account("a:x:5:", "b:x:6:") == "a:x:5:\nb:x:6:\n");
  CHECK(with_account("", "b:x:6:") == "b:x:6:\n");
}

TEST_CASE("machines have JuNest's names", "[cli][junest]") {
  CHECK(arch_word("x86_64") == "x86_64");
  CHECK(arch_word("i686") == "x86");
  CHECK(arch_word("armv7l") == "arm");
  CHECK(arch_word("aarch64") == "aarch64");
  CHECK(arch_word("riscv64").empty());
}

TEST_CASE("a session in a session is refused", "[cli][junest]") {
  CHECK(nested_code(nullptr) == 0);
  CHECK(nested_code("") == 0);
  CHECK(nested_code("0") == 0);
  CHECK(nested_code("1") == 106);
  CHECK(nested_code("yes") == 107);
}

}  // namespace
}  // namespace nestp::junest
