#include "engine/ptrace/exec/known_files.h"

#include <ctime>

#include <catch2/catch.hpp>

#include "fs/path_cache.h"

using namespace nestp;

namespace {

struct stat old_file(ino_t inode) {
  struct stat status {};
  status.st_dev = 1;
  status.st_ino = inode;
  status.st_mode = S_IFREG | 0755;
  status.st_size = 100;
  status.st_ctim.tv_sec = status.st_mtim.tv_sec = std::time(nullptr) - 60;
  return status;
}

}  // namespace

TEST_CASE("a file is known while it looks the same, for a while", "[exec]") {
  KnownFiles known;
  const auto now = KnownFiles::Clock::now();
  const auto file = old_file(7);
  CHECK(known.find(file, now) == nullptr);
  const auto facts = known.add(file, now);
  CHECK(known.find(file, now) == facts);
  CHECK(known.find(old_file(8), now) == nullptr);
  CHECK(known.find(file, now + PathCache::kStaleness) == nullptr);

  auto changed = file;
  ++changed.st_ctim.tv_nsec;
  CHECK(known.find(changed, now) == nullptr);
  changed = file;
  changed.st_mode = S_IFREG | 0644;
  CHECK(known.find(changed, now) == nullptr);
}

TEST_CASE("what was read of a file stays when it is examined anew", "[exec]") {
  KnownFiles known;
  const auto now = KnownFiles::Clock::now();
  auto file = old_file(7);
  const auto facts = known.add(file, now);
  const auto later = now + 2 * PathCache::kStaleness;
  CHECK(known.add(file, later) == facts);
  CHECK(known.find(file, later) == facts);
  ++file.st_size;
  CHECK(known.add(file, later) != facts);
}

TEST_CASE("a file that may be written, or was just now, is not known", "[exec]") {
  KnownFiles known;
  const auto now = KnownFiles::Clock::now();
  auto file = old_file(7);
  (void)known.add(file, now);
  known.forget(file);
  CHECK(known.find(file, now) == nullptr);

  (void)known.add(file, now);
  file.st_ctim.tv_sec = std::time(nullptr);
  CHECK(known.add(file, now) != nullptr);
  CHECK(known.find(file, now) == nullptr);
}
