#include "engine/ptrace/fast/plain_files.h"

#include <set>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "engine/gate/memo.h"
#include "fs/fd.h"
#include "tests/unit/fs/temp_tree.h"

using namespace nestp;

namespace {

constexpr auto kSize = static_cast<off_t>(gate::kPlainSize);
constexpr const char* kFile = "/cache/plain-1";

/// Of what `path` leads to; all zero if there is nothing.
struct stat status_of(const std::string& path) {
  struct stat none {};
  const auto status = stat_of(path);
  return status ? *status : none;
}

bool is_kept(const TempTree& tree, const PlainFiles& files) {
  const auto kept = status_of(tree.at(kFile)), used = status_of(files.path());
  return used.st_size == kSize && used.st_dev == kept.st_dev && used.st_ino == kept.st_ino;
}

/// The machine's temporary directory is of a kind that is kept.
bool can_keep(const TempTree& tree) { return PlainFiles::device_of(tree.path()) != 0; }

}  // namespace

TEST_CASE("plain files are kept for later sessions, for their user alone", "[plain_files]") {
  const TempTree tree;
  if (!can_keep(tree)) {
    WARN("skipped: the temporary directory is of no file system whose files are kept as plain");
    return;
  }
  const PlainFiles first(tree.at("/cache")), second(tree.at("/cache"));
  CHECK(is_kept(tree, first));
  CHECK(is_kept(tree, second));
  CHECK((status_of(tree.at(kFile)).st_mode & 07777) == 0600);
}

TEST_CASE("a file of plain files that was cut off is made whole", "[plain_files]") {
  const TempTree tree;
  if (!can_keep(tree)) {
    WARN("skipped: the temporary directory is of no file system whose files are kept as plain");
    return;
  }
  { const PlainFiles made(tree.at("/cache")); }
  std::filesystem::resize_file(tree.at(kFile), 100);
  CHECK(is_kept(tree, PlainFiles(tree.at("/cache"))));
  // Holes would be filled at a guest's writing, when the disk may be full.
  CHECK(status_of(tree.at(kFile)).st_blocks * 512 >= kSize);
}

TEST_CASE("what is not one's own file is not used for plain files", "[plain_files]") {
  const TempTree tree;
  tree.directory("/cache");
  SECTION("a link") {
    tree.file("/other");
    tree.link(tree.at("/other"), kFile);
  }
  SECTION("a file that others may write") {
    tree.file(kFile);
    std::filesystem::permissions(tree.at(kFile), std::filesystem::perms(0622));
  }
  SECTION("a directory") { tree.directory(kFile); }
  SECTION("a pipe") { REQUIRE(mkfifo(tree.at(kFile).c_str(), 0600) == 0); }
  const auto before = status_of(tree.at(kFile));
  const PlainFiles files(tree.at("/cache"));
  CHECK_FALSE(is_kept(tree, files));
  CHECK(status_of(files.path()).st_size == kSize);
  CHECK(status_of(tree.at(kFile)).st_size == before.st_size);
}

TEST_CASE("without a folder plain files are of one session", "[plain_files]") {
  const PlainFiles files("");
  CHECK(status_of(files.path()).st_size == kSize);
  const PlainFiles unwritable("/proc/no/folder");
  CHECK(status_of(unwritable.path()).st_size == kSize);
}

TEST_CASE("files are plain on this machine's file systems alone", "[plain_files]") {
  CHECK(PlainFiles::device_of("/proc") == 0);
  CHECK(PlainFiles::device_of("/no/such/directory") == 0);
  const TempTree tree;
  if (const dev_t device = PlainFiles::device_of(tree.path()); device != 0)
    CHECK(device == status_of(tree.path()).st_dev);
}

TEST_CASE("a plain file's number tells devices, inodes and times apart", "[plain_files]") {
  std::set<std::uint64_t> numbers;
  std::size_t count = 0;
  for (std::uint64_t device = 0; device < 4; ++device) {
    for (std::uint64_t inode = 0; inode < 64; ++inode) {
      for (std::int64_t seconds = 0; seconds < 8; ++seconds) {
        for (std::uint32_t nanoseconds = 0; nanoseconds < 8; ++nanoseconds, ++count)
          numbers.insert(gate::plain_number(device, inode, seconds, nanoseconds));
      }
    }
  }
  CHECK(numbers.size() == count);
  CHECK(numbers.count(0) == 0);
}
