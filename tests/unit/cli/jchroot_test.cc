#include "cli/jchroot/jchroot.h"

#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "cli/accounts.h"
#include "cli/jchroot/fstab.h"

namespace nestp {
namespace {

using Kind = MountAct::Kind;

TEST_CASE("lines of an fstab become mounts", "[cli][jchroot]") {
  const auto mounts = parse_fstab(
      "# comment\n\n"
      "/a\\040b /c none rbind,ro,nosuid 0 0\n"
      "tmpfs /t tmpfs size=1m,noexec,x-what,nofail,rootmode=1\n"
      "/d /e ext4 noauto\n"
      "/s none swap sw 0 0\n"
      "none /c none remount,ro\n");
  REQUIRE(mounts);
  REQUIRE(mounts->size() == 3);
  const MountAct& bound = (*mounts)[0];
  CHECK((bound.kind == Kind::bind && bound.host == "/a b" && bound.recursive));
  CHECK(bound.flags == (MS_RDONLY | MS_NOSUID));
  const MountAct& made = (*mounts)[1];
  CHECK((made.text == "tmpfs" && made.data == "size=1m,rootmode=1" && made.optional));
  CHECK(made.flags == MS_NOEXEC);  // "rootmode" begins with "ro" and is none
  CHECK((*mounts)[2].kind == Kind::remount_read_only);
  CHECK_FALSE(parse_fstab("/a /b\n"));
  CHECK_FALSE(parse_fstab("/a b none bind\n"));
}

TEST_CASE("maps of ids", "[cli][jchroot]") {
  const auto map = jchroot::parse_map("0 1000 1, 1 100000\t65536");
  REQUIRE(map);
  CHECK(*map == std::vector<IdRange>{{.inside = 0, .outside = 1000, .count = 1},
                                     {.inside = 1, .outside = 100000, .count = 65536}});
  CHECK_FALSE(jchroot::parse_map("0 1000"));
  CHECK_FALSE(jchroot::parse_map("a 1 2"));
}

TEST_CASE("options end at the target", "[cli][jchroot]") {
  const std::vector<std::string> words{"-UN", "--new", "/t", "ls", "-U"};
  CHECK_FALSE(jchroot::parse(words));  // two names begin so
  const std::vector<std::string> right{"-UNume", "--hostn=h", "/t", "ls", "-U"};
  const auto line = jchroot::parse(right);
  REQUIRE(line);
  CHECK((line->new_user && line->new_network && line->user == "me" && line->hostname == "h"));
  CHECK((line->target == "/t" && line->command == std::vector<std::string>{"ls", "-U"}));
}

TEST_CASE("accounts are found by name or number", "[cli][accounts]") {
  const std::string passwd = "bad:line\nann:x:7:8:A:/home/ann:/bin/zsh\n7:x:9:9::/:/bin/sh\n";
  const auto account = find_account(passwd, "ann");
  REQUIRE(account);
  CHECK((account->uid == 7 && account->gid == 8 && account->shell == "/bin/zsh"));
  CHECK(find_account(passwd, "7")->name == "ann");
  CHECK_FALSE(find_account(passwd, "bob"));
  const std::string group = "wheel:x:10:bob,ann\nusers:x:100:\n";
  CHECK(find_group(group, "users") == 100u);
  CHECK(find_group(group, "55") == 55u);
  CHECK_FALSE(find_group(group, "none"));
  CHECK(groups_of(group, "ann") == std::vector<gid_t>{10});
}

}  // namespace
}  // namespace nestp
