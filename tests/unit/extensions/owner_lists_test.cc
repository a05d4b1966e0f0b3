#include "extensions/identity/owner_lists.h"

#include <sys/sysmacros.h>

#include <catch2/catch.hpp>

namespace nestp::identity {
namespace {

OwnerEntry entry(const std::string& path, OwnerRecord record, const std::string& target = {}) {
  return {.path = path, .target = target, .record = record};
}

TEST_CASE("fakeroot's lines go there and back", "[identity]") {
  OwnerEntry one{.device = 0xfe00, .inode = 17, .links = 2};
  one.record = {.user = 1, .group = 42, .mode = S_IFCHR | 0640, .device = makedev(1, 3)};
  const std::string line =
      "dev=fe00,ino=17,mode=20640,uid=1,gid=42,nlink=2,rdev=" + std::to_string(makedev(1, 3)) +
      "\n";
  CHECK(fakeroot_line(one) == line);
  const auto read = parse_fakeroot(line);
  REQUIRE(read.has_value());
  CHECK(read->record == one.record);
  CHECK(read->inode == 17);
  CHECK(read->device == 0xfe00);
  for (const char* wrong : {"", "dev=fe00", "dev=fe00,ino=x,mode=1,uid=1,gid=1,nlink=1,rdev=1",
                            "ino=1,dev=1,mode=1,uid=1,gid=1,nlink=1,rdev=1"}) {
    CHECK_FALSE(parse_fakeroot(wrong).has_value());
  }
}

TEST_CASE("lines of mtree go there and back", "[identity]") {
  const auto [line, value] = GENERATE(table<std::string, OwnerEntry>({
      {". type=dir uid=0 gid=0 mode=0755\n", entry(".", {0, 0, S_IFDIR | 0755, 0})},
      {"./a\\040b type=file uid=1 gid=2 mode=4755\n", entry("./a b", {1, 2, S_IFREG | 04755, 0})},
      {"./l type=link uid=1 gid=2 mode=0777 link=x\\134y\n",
       entry("./l", {1, 2, S_IFLNK | 0777, 0}, "x\\y")},
      {"./dev/null type=char uid=0 gid=0 mode=0666 device=native,1,3\n",
       entry("./dev/null", {0, 0, S_IFCHR | 0666, makedev(1, 3)})},
  }));
  CHECK(mtree_line(value) == line);
  const auto read = parse_mtree(line);
  REQUIRE(read.has_value());
  CHECK(read->path == value.path);
  CHECK(read->target == value.target);
  CHECK(read->record == value.record);
}

TEST_CASE("words that mtree has besides are passed over", "[identity]") {
  const auto read =
      parse_mtree("./f time=1.0 uid=3 size=7 gid=4 sha256=ab mode=600 type=file nlink=1");
  REQUIRE(read.has_value());
  CHECK(read->record == OwnerRecord{3, 4, S_IFREG | 0600, 0});
  for (const char* other :
       {"", "#mtree", "/set type=file uid=0", "./f type=file uid=0 mode=0644",
        "name type=file uid=0 gid=0 mode=0644", "./f type=file uid=x gid=0 mode=0644"}) {
    CHECK_FALSE(parse_mtree(other).has_value());
  }
}

}  // namespace
}  // namespace nestp::identity
