// The database beside a root file system: what is recorded of files, by inode.
// Its source is the only place that knows SQLite.
//
// Several sessions may have it open at once.  All owners are in memory; what another
// session writes arrives there within a twentieth of a second, and with
// Freshness::now the file itself is asked.  Tracer's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "arch/result.h"
#include "extensions/identity/owner_record.h"

struct sqlite3;

namespace nestp::identity {

class Statement;

/// How old an answer may be.
enum class Freshness : std::uint8_t {
  recent,  ///< kStaleness, if another session writes
  now,
};

/// What another session has changed is seen after this at the latest.
constexpr std::chrono::milliseconds kStaleness{50};

struct FileKey {
  std::int64_t device = 0, inode = 0;
  friend bool operator==(const FileKey&, const FileKey&) = default;
};
struct FileKeyHash {
  std::size_t operator()(const FileKey& key) const {
    const auto inode = static_cast<std::uint64_t>(key.inode);
    const auto device = static_cast<std::uint64_t>(key.device);
    return std::hash<std::uint64_t>()(inode * 0x9e3779b97f4a7c15ULL + device);
  }
};

struct OwnerRow {
  std::int64_t birth = 0;  ///< nanoseconds
  OwnerRecord record{};
};

/// A change in two steps that was begun.
struct PendingChange {
  std::string host;
  ino_t inode = 0;
  OwnerRecord record{};
};

/// The one name of a file that is about to go.
struct PendingRemoval {
  FileKey key;
  std::string host;
};

class OwnerDatabase {
 public:
  /// Null: it is not there, or cannot be written.
  static std::unique_ptr<OwnerDatabase> open(const std::string& place, bool make);
  /// One that nobody else sees and that ends with this object.  `place`: of one that cannot be
  /// written, whose contents it gets; empty: none.  Null: there is nothing to be read.
  static std::unique_ptr<OwnerDatabase> open_copy(const std::string& place);
  ~OwnerDatabase();
  OwnerDatabase(const OwnerDatabase&) = delete;
  OwnerDatabase& operator=(const OwnerDatabase&) = delete;

  /// Valid until the next call.  Null: there is none.
  const OwnerRow* find(const FileKey& key, Freshness freshness);
  /// At this moment something is recorded of an inode of this number.
  bool knows(const FileKey& key);
  bool is_empty();
  SysResult<> put(const FileKey& key, const OwnerRow& row);
  SysResult<> remove_row(const FileKey& key);
  /// All that is known of it: its attributes, and its pending removal, too.
  SysResult<> remove(const FileKey& key);

  SysResult<std::string> attribute(const FileKey& key, std::int64_t birth, const std::string& name);
  SysResult<> put_attribute(const FileKey& key, std::int64_t birth, const std::string& name,
                            const std::string& value);
  SysResult<> remove_attribute(const FileKey& key, const std::string& name);
  std::vector<std::string> attributes(const FileKey& key, std::int64_t birth);

  SysResult<> begin_change(const PendingChange& change);
  SysResult<> end_change(const std::string& host);
  std::vector<PendingChange> pending();
  SysResult<> begin_removal(const PendingRemoval& removal);
  SysResult<> end_removal(const FileKey& key);
  std::vector<PendingRemoval> removals();

  /// Files that something was recorded of since this was last asked.
  std::vector<FileKey> take_recorded();

  /// While one lives nobody else changes anything; what was done is undone unless it is
  /// committed.  One inside another is part of that.
  class Transaction {
   public:
    explicit Transaction(OwnerDatabase& database);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    SysResult<> commit();

   private:
    OwnerDatabase& database_;
    bool is_open_;
  };

 private:
  explicit OwnerDatabase(sqlite3* handle);
  Statement prepare(const char* text);
  std::int64_t version();
  void refresh();
  bool load();
  const OwnerRow* read(const FileKey& key);

  sqlite3* handle_;
  std::unique_ptr<Statement> version_, one_;
  std::int64_t seen_ = -1;  ///< version() that is in memory
  std::chrono::steady_clock::time_point looked_{};
  std::unordered_map<FileKey, OwnerRow, FileKeyHash> rows_;
  std::unordered_set<FileKey, FileKeyHash> with_attributes_;
  std::vector<FileKey> recorded_;
  bool in_transaction_ = false;
};

}  // namespace nestp::identity
