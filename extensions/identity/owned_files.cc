#include "extensions/identity/owned_files.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

#include "engine/log.h"
#include "extensions/identity/inode_search.h"
#include "extensions/identity/permission.h"
#include "fs/fd.h"

namespace nestp::identity {
namespace {

/// Of a directory, beside the attributes that guests give it.
constexpr const char* kOtherTypes = "nestp.other_types";

constexpr std::size_t kMostCached = 100'000;
/// A file that was changed less than this ago may change again without a new time of change.
constexpr long kTick = 20'000'000;  // nanoseconds

bool is_same(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

bool is_settled(const timespec& changed) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return (now.tv_sec - changed.tv_sec) * 1'000'000'000 + now.tv_nsec - changed.tv_nsec > kTick;
}

bool can_have_xattrs(const struct stat& status) {
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
}

SysResult<> change_mode(const FileRef& file, mode_t mode) {
  mode &= 07777;
  if ((file.status.st_mode & 07777) == mode || S_ISLNK(file.status.st_mode)) return Done{};
  if (chmod(file.host.c_str(), mode) != 0) return Errno(errno);
  return Done{};
}

/// The one name of a file by which it can be found again later.
std::string lasting_name(const FileRef& file) {
  const auto open = open_at(AT_FDCWD, file.host, O_PATH | (file.follow ? 0 : O_NOFOLLOW));
  if (!open) return file.host;
  const auto text = read_link("/proc/self/fd/" + std::to_string(open->get()));
  return text ? *text : file.host;
}

/// The file system takes no change of what only the database would record of the file.
bool is_read_only(const FileRef& file) {
  const int flags = file.follow ? 0 : AT_SYMLINK_NOFOLLOW;
  // chown(2) of others than files changes nothing but tells, whoever asks.
  const int done = can_have_xattrs(file.status)
                       ? access(file.host.c_str(), W_OK)
                       : fchownat(AT_FDCWD, file.host.c_str(), kNoId, kNoId, flags);
  return done != 0 && errno == EROFS;
}

/// `now` with what makes `after` of `before`.
OwnerRecord with_changes(OwnerRecord now, const OwnerRecord& before, const OwnerRecord& after) {
  constexpr mode_t kSetIds = S_ISUID | S_ISGID;
  const mode_t changed = before.mode ^ after.mode, dropped = before.mode & ~after.mode;
  if (after.user != before.user) now.user = after.user;
  if (after.group != before.group) now.group = after.group;
  // That set-ID bits are dropped need not be by who sets a mode.
  now.mode = (changed & ~(dropped & kSetIds)) == 0 ? now.mode & ~dropped : after.mode;
  if (after.device != before.device) now.device = after.device;
  return now;
}

/// RecordPlaces::hold(), for as long as it lives.
class HeldPlace {
 public:
  HeldPlace(RecordPlaces& places, std::uint64_t inode) : places_(places), inode_(inode) {
    places_.hold(inode_);
  }
  ~HeldPlace() { places_.let_go(inode_); }
  HeldPlace(const HeldPlace&) = delete;
  HeldPlace& operator=(const HeldPlace&) = delete;

 private:
  RecordPlaces& places_;
  std::uint64_t inode_;
};

}  // namespace

OwnedFiles::OwnedFiles(Setup setup)
    : setup_(std::move(setup)),
      real_user_(geteuid()),
      real_group_(getegid()),
      database_(setup_.places, setup_.root_device) {}

OwnerRecord OwnedFiles::natural(const struct stat& status) const {
  return {.user = status.st_uid == real_user_ ? setup_.user : status.st_uid,
          .group = status.st_gid == real_group_ ? setup_.group : status.st_gid,
          .mode = status.st_mode,
          .device = status.st_rdev};
}

mode_t OwnedFiles::host_mode(mode_t mode) {
  if (S_ISDIR(mode)) return (mode & 01777) | 0700;
  mode_t shown = (mode & 0777) | 0600;
  if (mode & 0111) shown |= 0100;
  return shown;
}

OwnerStore& OwnedFiles::store_of(const struct stat& status) {
  if (!can_have_xattrs(status) || !is_own(status)) return database_;
  if (without_xattrs_.contains(status.st_dev)) return database_;
  return xattrs_;
}

std::optional<OwnerRecord> OwnedFiles::stored(const FileRef& file, Freshness freshness) {
  if (&store_of(file.status) == &xattrs_) {
    if (auto found = stored_in_attributes(file)) return found;
  }
  // Also of a file system that refused attributes when another session tried.
  return database_.find(file, freshness);
}

std::optional<OwnerRecord> OwnedFiles::stored_in_attributes(const FileRef& file) {
  const struct stat& status = file.status;
  const Inode inode{status.st_dev, status.st_ino};
  const auto known = cache_.find(inode);
  if (known != cache_.end() && is_same(known->second.changed, status.st_ctim)) {
    return known->second.record;
  }
  auto found = xattrs_.find(file, natural(status));
  if (!found && found.error() == Errno(EACCES)) {
    // Somebody took the owner's permission away; the true mode is in the record.
    if (change_mode(file, status.st_mode | host_mode(status.st_mode))) {
      found = xattrs_.find(file, natural(status));
    }
  }
  if (!found) {
    if (found.error() != Errno(EOPNOTSUPP)) return std::nullopt;
    without_xattrs_.insert(status.st_dev);
    return std::nullopt;
  }
  if (cache_.size() >= kMostCached) cache_.clear();
  if (is_settled(status.st_ctim)) {
    cache_.insert_or_assign(inode, Remembered{status.st_ctim, *found});
  } else if (known != cache_.end()) {
    cache_.erase(known);
  }
  return *found;
}

SysResult<OwnedFile> OwnedFiles::look(const std::string& host, bool follow, Freshness freshness) {
  FileRef ref{.host = host, .follow = follow};
  const int flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | AT_NO_AUTOMOUNT;
  if (fstatat(AT_FDCWD, host.c_str(), &ref.status, flags) != 0) return Errno(errno);
  return judge(std::move(ref), freshness);
}

OwnedFile OwnedFiles::judge(FileRef ref, Freshness freshness) {
  OwnedFile file{.ref = std::move(ref), .record = {}};
  const auto record = stored(file.ref, freshness);
  file.is_stored = record.has_value();
  file.record = record.value_or(natural(file.ref.status));
  return file;
}

SysResult<OwnedFile> OwnedFiles::look(int descriptor) {
  return look("/proc/self/fd/" + std::to_string(descriptor), true);
}

SysResult<> OwnedFiles::set(const OwnedFile& file, const OwnerRecord& record) {
  const auto done = change_in_store(file, record);
  OwnedFile changed = file;
  changed.record = record;
  if (done && changed.is_placeholder() && !file.is_placeholder()) {
    note_name(changed, lasting_name(file.ref));
  }
  return done;
}

SysResult<> OwnedFiles::change_in_store(const OwnedFile& file, const OwnerRecord& record) {
  // Others may give the name to another file, remove the file and make another one of its number,
  // or change the record that this began with.
  auto held = hold(file.ref.host, file.ref.follow);
  if (!held) return held.error();
  if (&store_of(held->ref.status) == &xattrs_) return change_held(*held, file.record, record);
  const auto transaction = database_.begin();
  const OwnedFile now = judge(std::move(held->ref), Freshness::now);
  const auto done = change(now, with_changes(now.record, file.record, record));
  return done && transaction != nullptr ? transaction->commit() : done;
}

/// What a guest has recorded since the file was looked at, `before`, stays, but for what makes
/// `after` of that.
SysResult<> OwnedFiles::change_held(const HeldFile& held, const OwnerRecord& before,
                                    const OwnerRecord& after) {
  std::optional<HeldPlace> place;
  if (places_ != nullptr) place.emplace(*places_, held.ref.status.st_ino);
  const auto now = look(held.ref.host, held.ref.follow, Freshness::now);
  if (!now) return now.error();
  return change_attributes(*now, with_changes(now->record, before, after));
}

/// A guest of another session may change the mode of a file without record at any moment: it looks
/// for a record afterwards, and here the mode is looked at once the record is there.  `file` is of
/// now.
SysResult<> OwnedFiles::change_attributes(const OwnedFile& file, const OwnerRecord& record) {
  constexpr int kMost = 4;
  constexpr mode_t kBits = 0777;
  OwnedFile now = file;
  OwnerRecord next = record;
  for (int turn = 0; turn < kMost; ++turn) {
    if (const auto done = change(now, next); !done) return done;
    struct stat seen {};
    const int flags = file.ref.follow ? 0 : AT_SYMLINK_NOFOLLOW;
    const bool is_there = fstatat(AT_FDCWD, file.ref.host.c_str(), &seen, flags) == 0;
    const mode_t needed = host_mode(next.mode) & kBits;
    if (!is_there || (seen.st_mode & kBits) == needed) return Done{};
    if (((seen.st_mode ^ now.status().st_mode) & kBits) == 0) {
      // Nobody changed it meanwhile: it never was what the record asks for.
      if (now.is_stored && is_own(now.status())) (void)change_mode(now.ref, needed);
      return Done{};
    }
    const auto after = look(file.ref.host, file.ref.follow);
    if (!after || !after->is_stored || !is_own(after->status())) return Done{};
    now = *after;
    next = now.record;
    next.mode = (next.mode & ~kBits) | (now.status().st_mode & kBits);
  }
  return Done{};
}

SysResult<> OwnedFiles::change(const OwnedFile& file, const OwnerRecord& record) {
  const FileRef& ref = file.ref;
  const bool is_same = record == file.record;
  const bool asks_kernel = !is_same && &store_of(ref.status) == &xattrs_;
  if (!asks_kernel && is_read_only(ref)) return Errno(EROFS);
  if (is_same) return Done{};
  OwnerRecord plain = natural(ref.status);
  plain.mode = record.mode;
  const mode_t needed = host_mode(record.mode);
  const bool is_foreign = !is_own(ref.status);
  const bool holds_set_id = (record.mode & (S_ISUID | S_ISGID)) != 0;
  const bool is_plain = plain == record && !holds_set_id && (needed & ~record.mode & 07777U) == 0 &&
                        (record.mode & S_IFMT) == (ref.status.st_mode & S_IFMT);
  cache_.erase({ref.status.st_dev, ref.status.st_ino});
  if (is_plain && !is_foreign) {
    // First the mode: until the record is gone, that is what is believed.
    if (const auto done = change_mode(ref, record.mode); !done) return done;
    return file.is_stored ? store_of(ref.status).remove(ref) : Done{};
  }
  if (const auto done = store(ref, record); !done) return done;
  return is_foreign ? Done{} : change_mode(ref, needed);
}

SysResult<> OwnedFiles::store(const FileRef& file, const OwnerRecord& record) {
  OwnerStore& store = store_of(file.status);
  const bool is_writable = (file.status.st_mode & S_IWUSR) != 0;
  if (&store == &xattrs_ && !is_writable) return make_writable(file, record);
  const auto done = store.put(file, record);
  if (done || &store == &database_) return done;
  // No room for attributes, or none at all here.
  if (done.error() == Errno(EOPNOTSUPP)) without_xattrs_.insert(file.status.st_dev);
  return done.error() == Errno(EOPNOTSUPP) ? database_.put(file, record) : done;
}

/// An attribute needs write permission, so the mode must change before its record is there.
SysResult<> OwnedFiles::make_writable(const FileRef& file, const OwnerRecord& record) {
  FileRef named = file;
  named.host = lasting_name(file);
  if (const auto begun = database_.begin_change(named, record); !begun) return begun;
  auto done = change_mode(file, host_mode(record.mode));
  if (done) done = xattrs_.put(file, record);
  if (!done && done.error() == Errno(EOPNOTSUPP)) {
    without_xattrs_.insert(file.status.st_dev);
    done = database_.put(file, record);
  }
  (void)database_.end_change(named);  // if that fails, it is completed once more, to no effect
  return done;
}

void OwnedFiles::recover_removals() {
  std::vector<SqliteStore::Removal> gone;
  for (auto& one : database_.removals()) {
    const auto status = lstat_of(one.host);
    const bool is_there = status && status->st_ino == one.inode && status->st_dev == one.device;
    FileRef file{.host = one.host, .follow = false};
    file.status.st_dev = one.device;
    file.status.st_ino = one.inode;
    if (is_there) {
      (void)database_.end_removal(file);
    } else {
      gone.push_back(std::move(one));
    }
  }
  if (gone.empty() || setup_.root.empty() || setup_.root == "/") return;
  // Another session may have given it another name.
  std::unordered_set<ino_t> wanted;
  for (const auto& one : gone)
    wanted.insert(one.inode);
  const auto found = find_inodes(setup_.root, wanted);
  if (!found) return;
  for (const auto& one : gone) {
    if (!found->contains(one.inode)) (void)database_.complete(one);
  }
}

void OwnedFiles::recover() {
  recover_removals();
  for (const auto& one : database_.pending()) {
    FileRef file{.host = one.host, .follow = false};
    const auto status = lstat_of(one.host);
    if (status && status->st_ino == one.inode) {
      file.status = *status;
      LOG(info) << "completes the change of " << quoted(one.host) << " that a former run began";
      if (change_mode(file, host_mode(one.record.mode))) (void)xattrs_.put(file, one.record);
    }
    (void)database_.end_change(file);
  }
}

SysResult<HeldFile> OwnedFiles::hold(const std::string& host, bool follow) {
  auto opened = open_at(AT_FDCWD, host, O_PATH | (follow ? 0 : O_NOFOLLOW));
  if (!opened) return opened.error();
  HeldFile held{.descriptor = std::move(*opened), .ref = {}};
  held.ref.host = "/proc/self/fd/" + std::to_string(held.descriptor.get());
  held.ref.follow = true;
  if (fstat(held.descriptor.get(), &held.ref.status) != 0) return Errno(errno);
  return held;
}

std::shared_ptr<const HeldFile> OwnedFiles::hold(const std::string& host) {
  if (database_.is_empty()) return nullptr;
  auto held = hold(host, false);
  if (!held || !database_.knows(held->ref)) return nullptr;
  const struct stat& status = held->ref.status;
  held->has_one_name = status.st_nlink == 1 || S_ISDIR(status.st_mode);
  if (held->has_one_name) {
    const auto name = read_link(held->ref.host);
    (void)database_.begin_removal(held->ref, name ? *name : host);  // matters only for a kill
  }
  return std::make_shared<const HeldFile>(std::move(*held));
}

void OwnedFiles::forget(const HeldFile& file) {
  struct stat status {};
  const bool is_there = fstat(file.descriptor.get(), &status) == 0 && status.st_nlink != 0;
  if (!is_there) {
    (void)database_.forget(file.ref);  // a record that stays is told by its birth
  } else if (file.has_one_name) {
    (void)database_.end_removal(file.ref);  // the next session would find it there
  }
}

bool OwnedFiles::is_closed(const std::string& host, struct stat& status) const {
  if (lstat(host.c_str(), &status) != 0 || S_ISLNK(status.st_mode)) return false;
  if (!is_own(status) || !can_have_xattrs(status)) return false;
  const mode_t needed = S_ISDIR(status.st_mode) ? 0700 : 0600;
  return (status.st_mode & needed) != needed;
}

bool OwnedFiles::open_up_one(const std::string& host) {
  struct stat status {};
  if (!is_closed(host, status)) return false;
  std::optional<HeldPlace> place;
  if (places_ != nullptr) place.emplace(*places_, status.st_ino);
  if (!is_closed(host, status)) return false;
  const FileRef file{.host = host, .follow = false, .status = status};
  const OwnerRecord record = stored(file).value_or(natural(status));
  cache_.erase({status.st_dev, status.st_ino});
  return make_writable(file, record).ok();
}

bool OwnedFiles::open_up(const std::string& host) {
  bool changed = false;
  for (std::size_t end = host.find('/', 1); end != host.npos; end = host.find('/', end + 1)) {
    const std::string directory = host.substr(0, end);
    if (access(directory.c_str(), X_OK) == 0) continue;
    if (errno != EACCES) return changed;
    changed = open_up_one(directory) || changed;
  }
  return open_up_one(host) || changed;
}

void OwnedFiles::note_name(const OwnedFile& file, const std::string& host) {
  if (!file.is_placeholder()) return;
  const auto directory = look(directory_of(host), true);
  if (!directory || lists_other_types(*directory)) return;
  (void)set_attribute(*directory, kOtherTypes, "y", 0);  // without it the host's type is shown
}

bool OwnedFiles::lists_other_types(const OwnedFile& directory) {
  return S_ISDIR(directory.status().st_mode) && attribute(directory, kOtherTypes).ok();
}

SysResult<std::string> OwnedFiles::attribute(const OwnedFile& file, const std::string& name) {
  OwnerStore& store = store_of(file.status());
  auto found = store.attribute(file.ref, name);
  const bool is_elsewhere = !found && found.error() == Errno(EOPNOTSUPP) && &store == &xattrs_;
  return is_elsewhere ? database_.attribute(file.ref, name) : found;
}

SysResult<> OwnedFiles::set_attribute(const OwnedFile& file, const std::string& name,
                                      const std::string& value, int flags) {
  OwnerStore& store = store_of(file.status());
  if (&store == &database_ && is_read_only(file.ref)) return Errno(EROFS);
  if (&store == &xattrs_ && !(file.status().st_mode & S_IWUSR)) open_up_one(file.ref.host);
  auto done = store.set_attribute(file.ref, name, value, flags);
  if (!done && done.error() == Errno(EOPNOTSUPP) && &store == &xattrs_) {
    without_xattrs_.insert(file.status().st_dev);
    done = database_.set_attribute(file.ref, name, value, flags);
  }
  return done;
}

SysResult<> OwnedFiles::remove_attribute(const OwnedFile& file, const std::string& name) {
  return store_of(file.status()).remove_attribute(file.ref, name);
}

std::vector<std::string> OwnedFiles::attributes(const OwnedFile& file) {
  auto names = store_of(file.status()).attributes(file.ref);
  names.erase(std::remove(names.begin(), names.end(), kOtherTypes), names.end());
  return names;
}

}  // namespace nestp::identity
