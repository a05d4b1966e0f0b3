#include "extensions/identity/sqlite_store.h"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utility>

#include "engine/log.h"

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

}  // namespace

SqliteStore::SqliteStore(std::vector<std::string> places, dev_t root_device)
    : places_(std::move(places)), root_device_(root_device) {}

SqliteStore::~SqliteStore() = default;

bool SqliteStore::open(bool make) {
  if (database_ != nullptr) return true;
  const auto now = std::chrono::steady_clock::now();
  if (!make && now - missed_ < kStaleness) return false;
  for (const std::string& place : places_) {
    if (!make && access(place.c_str(), F_OK) != 0) continue;
    database_ = OwnerDatabase::open(place, make);
    if (database_ != nullptr) return true;
  }
  if (!make) {
    missed_ = now;
    return false;
  }
  LOG(warning) << "no place for a record of owners beside the root file system: some of them are "
                  "forgotten at the end";
  database_ = OwnerDatabase::open(":memory:", true);
  return database_ != nullptr;
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
  if (!open(false)) return std::nullopt;
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
    brief_.insert_or_assign({file.status.st_dev, file.status.st_ino}, record);
    recorded_.push_back({file.status.st_dev, file.status.st_ino});
    return Done{};
  }
  if (!open(true)) return Errno(EIO);
  return database_->put(key_of(file), {birth, record});
}

SysResult<> SqliteStore::remove(const FileRef& file) {
  brief_.erase({file.status.st_dev, file.status.st_ino});
  if (!open(false)) return Done{};
  return database_->remove(key_of(file));
}

bool SqliteStore::knows(const FileRef& file) {
  if (brief_.contains({file.status.st_dev, file.status.st_ino})) return true;
  return open(false) && database_->knows(key_of(file));
}

std::unique_ptr<OwnerDatabase::Transaction> SqliteStore::begin() {
  if (!open(false)) return nullptr;
  return std::make_unique<OwnerDatabase::Transaction>(*database_);
}

SysResult<std::string> SqliteStore::attribute(const FileRef& file, const std::string& name) {
  if (!open(false)) return Errno(ENODATA);
  return database_->attribute(key_of(file), birth_of(file), name);
}

SysResult<> SqliteStore::set_attribute(const FileRef& file, const std::string& name,
                                       const std::string& value, int flags) {
  if ((flags & XATTR_REPLACE) && !attribute(file, name)) return Errno(ENODATA);
  if (!open(true)) return Errno(EIO);
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
  if (!open(false)) return {};
  return database_->attributes(key_of(file), birth_of(file));
}

SysResult<> SqliteStore::begin_change(const FileRef& file, const OwnerRecord& record) {
  if (!open(true)) return Errno(EIO);
  return database_->begin_change(
      {.host = file.host, .inode = file.status.st_ino, .record = record});
}

SysResult<> SqliteStore::end_change(const FileRef& file) {
  if (!open(false)) return Done{};
  return database_->end_change(file.host);
}

std::vector<PendingChange> SqliteStore::pending() {
  return open(false) ? database_->pending() : std::vector<PendingChange>();
}

SysResult<> SqliteStore::begin_removal(const FileRef& file, const std::string& host) {
  if (!open(false)) return Done{};
  return database_->begin_removal({.key = key_of(file), .host = host});
}

SysResult<> SqliteStore::end_removal(const FileRef& file) {
  if (!open(false)) return Done{};
  return database_->end_removal(key_of(file));
}

std::vector<SqliteStore::Removal> SqliteStore::removals() {
  std::vector<Removal> all;
  if (!open(false)) return all;
  for (auto& one : database_->removals()) {
    const bool is_root = one.key.device == 0;
    all.push_back({.host = std::move(one.host),
                   .device = is_root ? root_device_ : static_cast<dev_t>(one.key.device),
                   .inode = static_cast<ino_t>(one.key.inode)});
  }
  return all;
}

SysResult<> SqliteStore::complete(const Removal& removal) {
  if (!open(false)) return Done{};
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

bool SqliteStore::is_empty() { return !open(false) || database_->is_empty(); }

}  // namespace nestp::identity
