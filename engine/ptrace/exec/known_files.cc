#include "engine/ptrace/exec/known_files.h"

#include <ctime>

#include "fs/path_cache.h"

namespace nestp {
namespace {

constexpr std::size_t kMostFiles = 256;

std::pair<dev_t, ino_t> key_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

bool same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool looks_alike(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mode == b.st_mode && a.st_uid == b.st_uid &&
         a.st_gid == b.st_gid && same(a.st_mtim, b.st_mtim) && same(a.st_ctim, b.st_ctim);
}

/// A change within the same tick of the file system's clock would not show.
bool is_fresh(const struct stat& status) {
  constexpr std::time_t kTick = 1;  // seconds; two on FAT, whose programs are seldom rewritten
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return status.st_ctim.tv_sec + kTick >= now.tv_sec;
}

}  // namespace

std::shared_ptr<FileFacts> KnownFiles::find(const struct stat& status, Clock::time_point now) {
  const auto found = entries_.find(key_of(status));
  if (found == entries_.end()) return nullptr;
  const Entry& entry = found->second;
  if (!looks_alike(entry.status, status) || now - entry.examined >= PathCache::kStaleness) {
    return nullptr;
  }
  return entry.facts;
}

std::shared_ptr<FileFacts> KnownFiles::add(const struct stat& status, Clock::time_point now) {
  if (is_fresh(status)) {
    forget(status);
    return std::make_shared<FileFacts>();
  }
  if (entries_.size() >= kMostFiles) entries_.clear();
  Entry& entry = entries_[key_of(status)];
  if (entry.facts == nullptr || !looks_alike(entry.status, status)) {
    entry.facts = std::make_shared<FileFacts>();
  }
  entry.status = status;
  entry.examined = now;
  return entry.facts;
}

void KnownFiles::forget(const struct stat& status) { entries_.erase(key_of(status)); }

}  // namespace nestp
