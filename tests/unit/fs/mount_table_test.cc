#include "fs/mount_table.h"

#include <catch2/catch.hpp>

namespace nestp {
namespace {

constexpr std::string_view kHost =
    "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
    "21 20 0:5 / /dev rw,nosuid shared:2 master:3 - devtmpfs udev rw,mode=755\n"
    "22 21 0:22 / /dev/shm rw,nosuid - tmpfs tmpfs rw\n"
    "23 20 8:2 /sub /data\\040disk ro,noatime - xfs /dev/sdb rw,attr2\n"
    "24 20 0:30 / /data\\040disk rw - tmpfs covers rw\n"
    "25 20 8:2 /sub /home rw,noatime - xfs /dev/sdb rw,attr2\n";

Binding bind(const std::string& host, const std::string& guest) {
  return {.host = *HostPath::parse(host), .guest = *GuestPath::parse(guest)};
}

std::string table(ProcText format, const View& view, const std::string& root = "/") {
  return mount_table(format, view, *GuestPath::parse(root), kHost);
}

TEST_CASE("mountinfo shows bindings as mounts with consistent parents", "[fs][mount_table]") {
  auto kept = bind("/home/me/x", "/mnt/in");
  kept.read_only = true;
  const auto view =
      View::make({bind("/srv/root", "/"), kept, bind("/home", "/mnt"), bind("/dev", "/dev")});
  CHECK(table(ProcText::mountinfo, *view) ==
        "100 99 8:1 /srv/root / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro\n"
        "101 102 8:2 /sub/me/x /mnt/in ro,noatime - xfs /dev/sdb rw,attr2\n"
        "102 100 8:2 /sub /mnt rw,noatime - xfs /dev/sdb rw,attr2\n"
        "103 100 0:5 / /dev rw,nosuid - devtmpfs udev rw,mode=755\n"
        "104 103 0:22 / /dev/shm rw,nosuid - tmpfs tmpfs rw\n");
}

TEST_CASE("mounts joins options and escapes names", "[fs][mount_table]") {
  auto scratch = bind("/run/session/1", "/a b");
  scratch.type = "tmpfs";
  scratch.source = "tmpfs";
  auto placeholder = bind("/run/session/2", "/deep");
  placeholder.placeholder = true;
  const auto view =
      View::make({bind("/srv/root", "/"), scratch, placeholder, bind("/data disk/d", "/deep/d")});
  CHECK(table(ProcText::mounts, *view) ==
        "/dev/sda1 / ext4 rw,relatime,errors=remount-ro 0 0\n"
        "tmpfs /a\\040b tmpfs rw,relatime 0 0\n"
        "covers /deep/d tmpfs rw 0 0\n");
  CHECK(table(ProcText::mountstats, *view)
            .starts_with("device /dev/sda1 mounted on / with fstype ext4\n"));
}

TEST_CASE("a thread sees the mounts below its root directory", "[fs][mount_table]") {
  const auto view = View::make({bind("/", "/"), bind("/home", "/mnt"), bind("/dev", "/mnt/dev")});
  CHECK(table(ProcText::mounts, *view, "/mnt") ==
        "/dev/sdb / xfs rw,noatime,attr2 0 0\n"
        "udev /dev devtmpfs rw,nosuid,mode=755 0 0\n"
        "tmpfs /dev/shm tmpfs rw,nosuid 0 0\n");
}

TEST_CASE("host mounts that a binding covers are not shown", "[fs][mount_table]") {
  const auto view = View::make({bind("/", "/"), bind("/srv/dev", "/dev")});
  const std::string text = table(ProcText::mounts, *view);
  CHECK(text.find("udev") == text.npos);
  CHECK(text.find("/dev/shm") == text.npos);
  CHECK(text.find("/dev/sdb /home xfs") != text.npos);
}

}  // namespace
}  // namespace nestp
