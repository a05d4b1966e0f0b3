#include "extensions/identity/owner_record.h"

#include <sys/sysmacros.h>

#include <catch2/catch.hpp>

namespace nestp::identity {
namespace {

OwnerRecord record(Id user, Id group, mode_t mode, dev_t device = 0) {
  return {.user = user, .group = group, .mode = mode, .device = device};
}

TEST_CASE("a record is written as podman writes it, and read again", "[identity]") {
  const auto [text, value] = GENERATE(table<std::string, OwnerRecord>({
      {"1000:1011:0644:file", record(1000, 1011, S_IFREG | 0644)},
      {"1:2:4755:file", record(1, 2, S_IFREG | 04755)},
      {"0:0:0000:dir", record(0, 0, S_IFDIR)},
      {"0:0:1777:dir", record(0, 0, S_IFDIR | 01777)},
      {"3:4:0777:symlink", record(3, 4, S_IFLNK | 0777)},
      {"3:4:0666:pipe", record(3, 4, S_IFIFO | 0666)},
      {"3:4:0700:socket", record(3, 4, S_IFSOCK | 0700)},
      {"0:6:0660:block-8-17", record(0, 6, S_IFBLK | 0660, makedev(8, 17))},
      {"0:0:0666:char-1-3", record(0, 0, S_IFCHR | 0666, makedev(1, 3))},
  }));
  CHECK(override_text(value) == text);
  CHECK(parse_override(text, S_IFREG) == value);
}

TEST_CASE("the type may be in the mode, or missing", "[identity]") {
  CHECK(parse_override("5:6:040755", S_IFREG) == record(5, 6, S_IFDIR | 0755));
  CHECK(parse_override("5:6:0755", S_IFDIR) == record(5, 6, S_IFDIR | 0755));
}

TEST_CASE("what is no record is none", "[identity]") {
  for (const char* text : {"", "1", "1:2", "a:b:c", "1:2:0644:nothing", "1:2:0644:block-8",
                           "1:2:0888:file", "-1:2:0644:file"}) {
    INFO(text);
    CHECK_FALSE(parse_override(text, S_IFREG).has_value());
  }
}

TEST_CASE("the older convention has ids alone", "[identity]") {
  const OwnerRecord natural = record(7, 8, S_IFREG | 0600);
  CHECK(parse_rootless({"\x08\xe8\x07\x10\x21", 5}, natural) == record(1000, 33, S_IFREG | 0600));
  CHECK(parse_rootless("\x10\x21", natural) == record(0, 33, S_IFREG | 0600));
  CHECK(parse_rootless({"\x08\xff\xff\xff\xff\x0f\x10\x21", 8}, natural) ==
        record(7, 33, S_IFREG | 0600));
  CHECK_FALSE(parse_rootless("\x08", natural).has_value());
  CHECK_FALSE(parse_rootless("\x1a\x01", natural).has_value());
}

}  // namespace
}  // namespace nestp::identity
