// The files as the guest sees their owners, modes and types.
//
// What a file of the host is by itself (its natural record) needs no memory: files
// of the person who runs nestp are the fake user's, others are whose they are.
// Only what differs is stored.  The host's mode of a stored file keeps what nestp
// needs to get at it (owner may read and write, and search a directory) and never
// holds set-ID bits; the true mode is in the record.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "engine/extension.h"
#include "extensions/identity/sqlite_store.h"
#include "extensions/identity/xattr_store.h"
#include "fs/fd.h"

namespace nestp::identity {

/// A file that was just looked at.
struct OwnedFile {
  FileRef ref;
  OwnerRecord record;  ///< as the guest sees it
  bool is_stored = false;

  const struct stat& status() const { return ref.status; }
  /// The host has a file of another type, which stands for it.
  bool is_placeholder() const { return ((record.mode ^ ref.status.st_mode) & S_IFMT) != 0; }
};

/// A file that stays the same whatever happens to its names.
struct HeldFile {
  UniqueFd descriptor;
  FileRef ref;                ///< by the descriptor
  bool has_one_name = false;  ///< when it was held
};

class OwnedFiles {
 public:
  struct Setup {
    Id user = 0, group = 0;           ///< who owns the files of the person who runs nestp
    std::vector<std::string> places;  ///< of the database (sqlite_store.h)
    dev_t root_device = 0;
    std::string root{};  ///< of the guest's tree, where a file with another name is looked for
  };
  explicit OwnedFiles(Setup setup);

  /// Errors of stat(2).
  SysResult<OwnedFile> look(const std::string& host, bool follow,
                            Freshness freshness = Freshness::recent);
  /// The same of a file whose status is known.
  OwnedFile judge(FileRef ref, Freshness freshness = Freshness::recent);
  /// The same of an open file of the tracer.
  SysResult<OwnedFile> look(int descriptor);

  /// From now on the file has this owner, mode and device.  What another session has changed
  /// meanwhile of what the database keeps, or a guest by itself of an attribute, stays, but for
  /// what this changes.
  SysResult<> set(const OwnedFile& file, const OwnerRecord& record);
  /// Has the file held whose name `host` a call is about to remove; null: nothing depends on it.
  /// As long as it is held no other file gets its inode number.
  std::shared_ptr<const HeldFile> hold(const std::string& host);
  /// The call has ended: drops what is recorded of the file if it has no name any more.
  void forget(const HeldFile& file);

  /// What of a mode the host gets for a stored file.
  static mode_t host_mode(mode_t mode);

  /// Makes `host`, or what stands in the way to it, usable for the person who runs nestp where
  /// only modes forbid it.  True: something changed.
  bool open_up(const std::string& host);

  /// `host` is, or is about to be, a name of the file: if that is a placeholder, it is noted with
  /// the directory.
  void note_name(const OwnedFile& file, const std::string& host);
  /// The directory holds, or held, placeholders.
  bool lists_other_types(const OwnedFile& directory);

  // Attributes in the name spaces that only root may write.
  SysResult<std::string> attribute(const OwnedFile& file, const std::string& name);
  SysResult<> set_attribute(const OwnedFile& file, const std::string& name,
                            const std::string& value, int flags);
  SysResult<> remove_attribute(const OwnedFile& file, const std::string& name);
  std::vector<std::string> attributes(const OwnedFile& file);

  /// Inodes of records in the database, those known since it was last asked; `refresh`: also what
  /// other sessions wrote.
  std::vector<RecordedInode> take_recorded(bool refresh) {
    return database_.take_recorded(refresh);
  }

  /// Of guests that write records, too; null: none do.
  void share_places(RecordPlaces* places) { places_ = places; }

  /// Completes what a killed session began.
  void recover();

  OwnerRecord natural(const struct stat& status) const;
  bool is_own(const struct stat& status) const { return status.st_uid == real_user_; }
  uid_t real_user() const { return real_user_; }
  gid_t real_group() const { return real_group_; }

 private:
  struct Remembered {
    timespec changed{};
    std::optional<OwnerRecord> record;
  };
  struct Inode {
    dev_t device;
    ino_t number;
    friend bool operator==(const Inode&, const Inode&) = default;
  };
  struct InodeHash {
    std::size_t operator()(const Inode& inode) const {
      return std::hash<std::uint64_t>()(inode.number * 0x9e3779b97f4a7c15ULL + inode.device);
    }
  };

  OwnerStore& store_of(const struct stat& status);
  static SysResult<HeldFile> hold(const std::string& host, bool follow);
  std::optional<OwnerRecord> stored(const FileRef& file, Freshness freshness = Freshness::recent);
  std::optional<OwnerRecord> stored_in_attributes(const FileRef& file);
  SysResult<> change_in_store(const OwnedFile& file, const OwnerRecord& record);
  SysResult<> change_held(const HeldFile& held, const OwnerRecord& before,
                          const OwnerRecord& after);
  SysResult<> change_attributes(const OwnedFile& file, const OwnerRecord& record);
  SysResult<> change(const OwnedFile& file, const OwnerRecord& record);
  SysResult<> store(const FileRef& file, const OwnerRecord& record);
  SysResult<> make_writable(const FileRef& file, const OwnerRecord& record);
  void recover_removals();
  /// Its mode keeps the person out; `status`: its own.
  bool is_closed(const std::string& host, struct stat& status) const;
  bool open_up_one(const std::string& host);

  Setup setup_;
  RecordPlaces* places_ = nullptr;
  uid_t real_user_;
  gid_t real_group_;
  XattrStore xattrs_;
  SqliteStore database_;
  std::unordered_set<dev_t> without_xattrs_;
  std::unordered_map<Inode, Remembered, InodeHash> cache_;
};

}  // namespace nestp::identity
