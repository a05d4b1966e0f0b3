// Records in a database beside the root file system, for files that cannot have
// extended attributes (owner_database.h).
//
// A file is known by device, inode number and time of birth, so that the next file
// with the same number inherits nothing.  The database is made when there is
// something to remember, not before.  Several sessions may use it at once: what
// another one has changed is noticed within a twentieth of a second.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/extension.h"
#include "extensions/identity/owner_database.h"
#include "extensions/identity/owner_store.h"

namespace nestp::identity {

class SqliteStore final : public OwnerStore {
 public:
  /// `places`: paths where the database may be, the best first; with none that can be
  /// written, records last as long as this object.  `root_device`: device of the root file
  /// system, whose number may be another at the next start.
  SqliteStore(std::vector<std::string> places, dev_t root_device);
  ~SqliteStore() override;

  SysResult<std::optional<OwnerRecord>> find(const FileRef& file,
                                             const OwnerRecord& natural) override;
  std::optional<OwnerRecord> find(const FileRef& file, Freshness freshness);
  SysResult<> put(const FileRef& file, const OwnerRecord& record) override;
  SysResult<> remove(const FileRef& file) override;
  SysResult<std::string> attribute(const FileRef& file, const std::string& name) override;
  SysResult<> set_attribute(const FileRef& file, const std::string& name, const std::string& value,
                            int flags) override;
  SysResult<> remove_attribute(const FileRef& file, const std::string& name) override;
  std::vector<std::string> attributes(const FileRef& file) override;

  /// A change in two steps begins: should it never end, the next session completes it.
  SysResult<> begin_change(const FileRef& file, const OwnerRecord& record);
  SysResult<> end_change(const FileRef& file);
  /// Changes that were begun.
  std::vector<PendingChange> pending();

  /// The only name of the file, `host`, is about to go: should this session end before it says
  /// whether it has gone, the next one finds out.
  SysResult<> begin_removal(const FileRef& file, const std::string& host);
  SysResult<> end_removal(const FileRef& file);
  struct Removal {
    std::string host;
    dev_t device = 0;
    ino_t inode = 0;
  };
  /// Those that were begun.
  std::vector<Removal> removals();
  /// Its file is gone.
  SysResult<> complete(const Removal& removal);

  /// The file is gone.
  SysResult<> forget(const FileRef& file);
  /// At this moment something is recorded of a file with this number.
  bool knows(const FileRef& file);
  /// While it lives no other session changes anything here.  Null: there is no database yet.
  std::unique_ptr<OwnerDatabase::Transaction> begin();

  /// Nothing is remembered here.
  bool is_empty();

  /// Files that something was recorded of since this was last asked.  `refresh`: look what other
  /// sessions wrote.
  std::vector<RecordedInode> take_recorded(bool refresh);

 private:
  bool open();
  bool open_for_reading();
  /// ENOSPC: there is no room now.  Else records last at least as long as this object.
  SysResult<> open_to_write();
  SysResult<> open_for_writing();
  FileKey key_of(dev_t device, ino_t inode) const;
  FileKey key_of(const FileRef& file) const;

  std::vector<std::string> places_;
  dev_t root_device_;
  std::unique_ptr<OwnerDatabase> database_;
  bool is_copy_ = false;  ///< database_ is one in memory, of a file that cannot be written
  std::unique_ptr<OwnerDatabase> former_;           ///< that copy, for the transaction under way
  std::chrono::steady_clock::time_point missed_{};  ///< when there was last no database
  /// Of files whose birth is not told (terminals in /dev/pts): as long as this object.
  std::map<std::pair<dev_t, ino_t>, OwnerRecord> brief_;
  std::vector<RecordedInode> recorded_;  ///< for take_recorded()
};

}  // namespace nestp::identity
