#include "extensions/identity/sqlite_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utility>

#include "engine/log.h"
#include "extensions/identity/permission.h"
#include "fs/fd.h"

namespace nestp::identity {
namespace {

/// Nanoseconds; 0 where the file system does not tell.
std::int64_t birth_of(const FileRef& file) {
  struct statx status {};
  const int flags = file.follow ? 0 : AT_SYMLINK_NOFOLLOW;
  if (statx(AT_FDCWD, file.host.c_str(), flags, STATX_BTIME, &status) != 0) return 0;
  if (!(status.stx_mask & STATX_BTIME)) return 0;
  return status.stx_btime.tv_sec * 1'000'000'000 + status.stx_btime.tv_nsec;
}

/// Its time of birth may also be that of a file with the same number that went before it.
bool is_young(std::int64_t birth) {
  constexpr std::int64_t kTick = 20'000'000;  // nanoseconds that a file system's clock may stand
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t age = now.tv_sec * 1'000'000'000 + now.tv_nsec - birth;
  return age < std::chrono::nanoseconds(kStaleness).count() + kTick;
}

bool is_there(const std::string& place) { return access(place.c_str(), F_OK) == 0; }

/// What cannot be written at `place` is only kept from it for now: the disk is full.
bool is_short_of_room(const std::string& place) {
  if (access(directory_of(place).c_str(), W_OK | X_OK) != 0) return false;
  const auto status = stat_of(place);
  if (!status || status->st_size == 0) return true;
  return access(place.c_str(), W_OK) == 0 && OwnerDatabase::open_copy(place) != nullptr;
}

/// Nobody expects that anything is kept there.
bool is_of_the_kernel(const FileRef& file) {
  struct statfs system {};
  const std::string place = file.follow ? file.host : directory_of(file.host);
  if (statfs(place.c_str(), &system) != 0) return true;
  constexpr std::array<long, 5> kKinds = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC,
                                          SOCKFS_MAGIC, PIPEFS_MAGIC};
  return std::find(kKinds.begin(), kKinds.end(), system.f_type) != kKinds.end();
}

/// Said once.
void tell_of_short_memory(const FileRef& file) {
  static bool said = false;
  if (said || is_of_the_kernel(file)) return;
  said = true;
  const auto name = file.follow ? read_link(file.host) : SysResult<std::string>(file.host);
  LOG(warning)
      << "the file system of " << quoted(name ? *name : file.host)
      << " has neither attributes nor times of birth: owners there are forgotten at the end";
}

}  // namespace

SqliteStore::SqliteStore(std::vector<std::string> places, dev_t root_device)
    : places_(std::move(places)), root_device_(root_device) {}

SqliteStore::~SqliteStore() = default;

bool SqliteStore::open_for_reading() {
  const auto now = std::chrono::steady_clock::now();
  if (now - missed_ < kStaleness) return false;
  for (const std::string& place : places_) {
    if (!is_there(place)) continue;
    database_ = OwnerDatabase::open(place, false);
    if (database_ != nullptr) return true;
    database_ = OwnerDatabase::open_copy(place);
    is_copy_ = database_ != nullptr;
    if (is_copy_) return true;
  }
  missed_ = now;
  return false;
}

SysResult<> SqliteStore::open_for_writing() {
  for (const std::string& place : places_) {
    auto opened = OwnerDatabase::open(place, true);
    if (opened != nullptr) {
      former_ = std::exchange(database_, std::move(opened));
      is_copy_ = false;
      return Done{};
    }
    if (is_short_of_room(place)) return Errno(ENOSPC);
    if (is_there(place)) break;  // the next session will find this one
  }
  LOG(warning) << "no place for a record of owners beside the root file system: some of them are "
                  "forgotten at the end";
  if (database_ == nullptr) database_ = OwnerDatabase::open_copy("");
  is_copy_ = false;
  return database_ != nullptr ? SysResult<>(Done{}) : SysResult<>(Errno(EIO));
}

bool SqliteStore::open() { return database_ != nullptr || open_for_reading(); }

SysResult<> SqliteStore::open_to_write() {
  return database_ != nullptr && !is_copy_ ? SysResult<>(Done{}) : open_for_writing();
}

FileKey SqliteStore::key_of(dev_t device, ino_t inode) const {
  return {.device = device == root_device_ ? 0 : static_cast<std::int64_t>(device),
          .inode = static_cast<std::int64_t>(inode)};
}

FileKey SqliteStore::key_of(const FileRef& file) const {
  return key_of(file.status.st_dev, file.status.st_ino);
}

std::optional<OwnerRecord> SqliteStore::find(const FileRef& file, Freshness freshness) {
  const auto brief = brief_.find({file.status.st_dev, file.status.st_ino});
  if (brief != brief_.end()) return brief->second;
  if (!open()) return std::nullopt;
  const FileKey key = key_of(file);
  const OwnerRow* row = database_->find(key, freshness);
  if (row == nullptr) return std::nullopt;
  const std::int64_t birth = birth_of(file);
  if (row->birth != birth) return std::nullopt;
  if (freshness != Freshness::now && is_young(birth)) {
    // Another session may have removed the file that this was recorded of.
    row = database_->find(key, Freshness::now);
  }
  const bool is_same = row != nullptr && row->birth == birth;
  return is_same ? std::optional(row->record) : std::nullopt;
}

SysResult<std::optional<OwnerRecord>> SqliteStore::find(const FileRef& file, const OwnerRecord&) {
  return find(file, Freshness::recent);
}

SysResult<> SqliteStore::put(const FileRef& file, const OwnerRecord& record) {
  const std::int64_t birth = birth_of(file);
  if (birth == 0) {
    tell_of_short_memory(file);
    brief_.insert_or_assign({file.status.st_dev, file.status.st_ino}, record);
    recorded_.push_back({file.status.st_dev, file.status.st_ino});
    return Done{};
  }
  if (const auto opened = open_to_write(); !opened) return opened;
  return database_->put(key_of(file), {birth, record});
}

SysResult<> SqliteStore::remove(const FileRef& file) {
  brief_.erase({file.status.st_dev, file.status.st_ino});
  if (!open()) return Done{};
  const FileKey key = key_of(file);
  if (is_copy_ && database_->knows(key)) {
    if (const auto opened = open_to_write(); !opened) return opened;
  }
  return database_->remove_row(key);
}

SysResult<> SqliteStore::forget(const FileRef& file) {
  brief_.erase({file.status.st_dev, file.status.st_ino});
  if (!open()) return Done{};
  const FileKey key = key_of(file);
  if (is_copy_ && database_->knows(key)) (void)open_to_write();  // its birth tells it from others
  return database_->remove(key);
}

bool SqliteStore::knows(const FileRef& file) {
  if (brief_.contains({file.status.st_dev, file.status.st_ino})) return true;
  return open() && database_->knows(key_of(file));
}

std::unique_ptr<OwnerDatabase::Transaction> SqliteStore::begin() {
  if (!open()) return nullptr;
  return std::make_unique<OwnerDatabase::Transaction>(*database_);
}

SysResult<std::string> SqliteStore::attribute(const FileRef& file, const std::string& name) {
  if (!open()) return Errno(ENODATA);
  return database_->attribute(key_of(file), birth_of(file), name);
}

SysResult<> SqliteStore::set_attribute(const FileRef& file, const std::string& name,
                                       const std::string& value, int flags) {
  if ((flags & XATTR_REPLACE) && !attribute(file, name)) return Errno(ENODATA);
  if (const auto opened = open_to_write(); !opened) return opened;
  OwnerDatabase::Transaction transaction(*database_);
  const bool exists = attribute(file, name).ok();
  if (exists && (flags & XATTR_CREATE)) return Errno(EEXIST);
  if (!exists && (flags & XATTR_REPLACE)) return Errno(ENODATA);
  const FileKey key = key_of(file);
  const auto done = database_->put_attribute(key, birth_of(file), name, value);
  return done ? transaction.commit() : done;
}

SysResult<> SqliteStore::remove_attribute(const FileRef& file, const std::string& name) {
  const auto there = attribute(file, name);
  if (!there) return there.error();
  return database_->remove_attribute(key_of(file), name);
}

std::vector<std::string> SqliteStore::attributes(const FileRef& file) {
  if (!open()) return {};
  return database_->attributes(key_of(file), birth_of(file));
}

SysResult<> SqliteStore::begin_change(const FileRef& file, const OwnerRecord& record) {
  if (const auto opened = open_to_write(); !opened) return opened;
  return database_->begin_change(
      {.host = file.host, .inode = file.status.st_ino, .record = record});
}

SysResult<> SqliteStore::end_change(const FileRef& file) {
  if (!open()) return Done{};
  return database_->end_change(file.host);
}

std::vector<PendingChange> SqliteStore::pending() {
  return open() ? database_->pending() : std::vector<PendingChange>();
}

SysResult<> SqliteStore::begin_removal(const FileRef& file, const std::string& host) {
  if (!open()) return Done{};
  return database_->begin_removal({.key = key_of(file), .host = host});
}

SysResult<> SqliteStore::end_removal(const FileRef& file) {
  if (!open()) return Done{};
  return database_->end_removal(key_of(file));
}

std::vector<SqliteStore::Removal> SqliteStore::removals() {
  std::vector<Removal> all;
  if (!open()) return all;
  for (auto& one : database_->removals()) {
    const bool is_root = one.key.device == 0;
    all.push_back({.host = std::move(one.host),
                   .device = is_root ? root_device_ : static_cast<dev_t>(one.key.device),
                   .inode = static_cast<ino_t>(one.key.inode)});
  }
  return all;
}

SysResult<> SqliteStore::complete(const Removal& removal) {
  if (!open()) return Done{};
  return database_->remove(key_of(removal.device, removal.inode));
}

std::vector<RecordedInode> SqliteStore::take_recorded(bool refresh) {
  if (refresh) (void)is_empty();
  auto recorded = std::exchange(recorded_, {});
  if (database_ == nullptr) return recorded;
  for (const FileKey& key : database_->take_recorded()) {
    const dev_t device = key.device == 0 ? root_device_ : static_cast<dev_t>(key.device);
    recorded.push_back({device, static_cast<ino_t>(key.inode)});
  }
  return recorded;
}

bool SqliteStore::is_empty() { return !open() || database_->is_empty(); }

}  // namespace nestp::identity
