#include "extensions/identity/sqlite_store.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>

#include "engine/log.h"

namespace nestp::identity {
namespace {

constexpr std::chrono::milliseconds kStaleness{50};
constexpr int kPatience = 10'000;  // milliseconds that another session may hold the database

constexpr const char* kSchema = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS owner (
    device INTEGER, inode INTEGER, birth INTEGER, user INTEGER, "group" INTEGER,
    mode INTEGER, node INTEGER, PRIMARY KEY (device, inode)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS attribute (
    device INTEGER, inode INTEGER, birth INTEGER, name TEXT, value BLOB,
    PRIMARY KEY (device, inode, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pending (
    host TEXT PRIMARY KEY, inode INTEGER, user INTEGER, "group" INTEGER, mode INTEGER,
    node INTEGER) WITHOUT ROWID;
)";

/// A statement that is prepared once and reset at the end of each use.
class Statement {
 public:
  Statement(sqlite3* database, const char* text) {
    sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& number(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_, index, value);
    return *this;
  }
  Statement& text(int index, const std::string& value) {
    sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bytes(int index, const std::string& value) {
    sqlite3_bind_blob(statement_, index, value.data(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
    return *this;
  }
  /// False at the end.
  bool step() { return statement_ != nullptr && sqlite3_step(statement_) == SQLITE_ROW; }
  SysResult<> run() {
    const int code = statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_);
    reset();
    if (code == SQLITE_DONE || code == SQLITE_ROW) return Done{};
    return Errno(code == SQLITE_FULL ? ENOSPC : EIO);
  }
  void reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

/// Nanoseconds; 0 where the file system does not tell.
std::int64_t birth_of(const FileRef& file) {
  struct statx status {};
  const int flags = file.follow ? 0 : AT_SYMLINK_NOFOLLOW;
  if (statx(AT_FDCWD, file.host.c_str(), flags, STATX_BTIME, &status) != 0) return 0;
  if (!(status.stx_mask & STATX_BTIME)) return 0;
  return status.stx_btime.tv_sec * 1'000'000'000 + status.stx_btime.tv_nsec;
}

struct Key {
  std::int64_t device = 0, inode = 0;
  friend bool operator==(const Key&, const Key&) = default;
};
struct KeyHash {
  std::size_t operator()(const Key& key) const {
    const auto inode = static_cast<std::uint64_t>(key.inode);
    const auto device = static_cast<std::uint64_t>(key.device);
    return std::hash<std::uint64_t>()(inode * 0x9e3779b97f4a7c15ULL + device);
  }
};
struct Row {
  std::int64_t birth = 0;
  OwnerRecord record;
};

}  // namespace

/// An open database, with all owners in memory as long as nobody else writes.
class SqliteStore::Database {
 public:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  ~Database() {
    // Statements must go before their database.
    version_.reset();
    sqlite3_close_v2(handle_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const Row* find(const Key& key) {
    refresh();
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : &found->second;
  }
  bool is_empty() {
    refresh();
    return rows_.empty() && !has_attributes_;
  }
  SysResult<> put(const Key& key, const Row& row) {
    refresh();
    Statement statement(handle_, "INSERT OR REPLACE INTO owner VALUES (?, ?, ?, ?, ?, ?, ?)");
    const OwnerRecord& record = row.record;
    statement.number(1, key.device).number(2, key.inode).number(3, row.birth);
    statement.number(4, record.user).number(5, record.group).number(6, record.mode);
    const auto done = statement.number(7, static_cast<std::int64_t>(record.device)).run();
    if (done) rows_.insert_or_assign(key, row);
    recorded_.push_back(key);
    return done;
  }
  SysResult<> remove(const Key& key) {
    refresh();
    if (has_attributes_) {
      Statement attributes(handle_, "DELETE FROM attribute WHERE device = ? AND inode = ?");
      const auto done = attributes.number(1, key.device).number(2, key.inode).run();
      if (!done) return done;
    }
    if (rows_.erase(key) == 0) return Done{};
    Statement statement(handle_, "DELETE FROM owner WHERE device = ? AND inode = ?");
    return statement.number(1, key.device).number(2, key.inode).run();
  }
  sqlite3* handle() { return handle_; }
  void note_attribute(const Key& key) {
    has_attributes_ = true;
    recorded_.push_back(key);
  }
  std::vector<Key> take_recorded() { return std::exchange(recorded_, {}); }

 private:
  /// Looks whether another session has written; what it writes is seen after kStaleness at the
  /// latest.
  void refresh() {
    const auto now = std::chrono::steady_clock::now();
    if (seen_ >= 0 && now - looked_ < kStaleness) return;
    looked_ = now;
    if (version_ == nullptr) version_ = std::make_unique<Statement>(handle_, "PRAGMA data_version");
    const std::int64_t version = version_->step() ? version_->number(0) : 0;
    version_->reset();
    if (version == seen_) return;
    seen_ = version;
    rows_.clear();
    Statement all(handle_, R"(SELECT device, inode, birth, user, "group", mode, node FROM owner)");
    while (all.step()) {
      Row row{.birth = all.number(2), .record = {}};
      row.record.user = static_cast<Id>(all.number(3));
      row.record.group = static_cast<Id>(all.number(4));
      row.record.mode = static_cast<mode_t>(all.number(5));
      row.record.device = static_cast<dev_t>(all.number(6));
      const Key key{all.number(0), all.number(1)};
      rows_.insert_or_assign(key, row);
      recorded_.push_back(key);
    }
    has_attributes_ = false;
    Statement some(handle_, "SELECT DISTINCT device, inode FROM attribute");
    while (some.step())
      note_attribute({some.number(0), some.number(1)});
  }

  sqlite3* handle_;
  std::unique_ptr<Statement> version_;
  std::int64_t seen_ = -1;
  std::chrono::steady_clock::time_point looked_{};
  std::unordered_map<Key, Row, KeyHash> rows_;
  bool has_attributes_ = false;
  std::vector<Key> recorded_;
};

SqliteStore::SqliteStore(std::vector<std::string> places, dev_t root_device)
    : places_(std::move(places)), root_device_(root_device) {}

SqliteStore::~SqliteStore() = default;

bool SqliteStore::open(bool make) {
  if (database_ != nullptr) return true;
  const auto now = std::chrono::steady_clock::now();
  if (!make && now - missed_ < kStaleness) return false;
  for (const std::string& place : places_) {
    if (!make && access(place.c_str(), F_OK) != 0) continue;
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (make ? SQLITE_OPEN_CREATE : 0);
    const bool opened = sqlite3_open_v2(place.c_str(), &handle, flags, nullptr) == SQLITE_OK;
    if (opened) {
      sqlite3_busy_timeout(handle, kPatience);
      if (sqlite3_exec(handle, kSchema, nullptr, nullptr, nullptr) == SQLITE_OK) {
        database_ = std::make_unique<Database>(handle);
        return true;
      }
    }
    sqlite3_close_v2(handle);
  }
  if (!make) {
    missed_ = now;
    return false;
  }
  LOG(warning) << "no place for a record of owners beside the root file system: some of them are "
                  "forgotten at the end";
  sqlite3* handle = nullptr;
  if (sqlite3_open(":memory:", &handle) != SQLITE_OK) return false;
  (void)sqlite3_exec(handle, kSchema, nullptr, nullptr, nullptr);  // put() will tell
  database_ = std::make_unique<Database>(handle);
  return true;
}

namespace {

Key key_of(const FileRef& file, dev_t root_device) {
  const bool is_root = file.status.st_dev == root_device;
  return {.device = is_root ? 0 : static_cast<std::int64_t>(file.status.st_dev),
          .inode = static_cast<std::int64_t>(file.status.st_ino)};
}

}  // namespace

SysResult<std::optional<OwnerRecord>> SqliteStore::find(const FileRef& file, const OwnerRecord&) {
  const auto brief = brief_.find({file.status.st_dev, file.status.st_ino});
  if (brief != brief_.end()) return std::optional(brief->second);
  if (!open(false)) return std::optional<OwnerRecord>();
  const Row* row = database_->find(key_of(file, root_device_));
  const bool is_same = row != nullptr && row->birth == birth_of(file);
  return is_same ? std::optional(row->record) : std::nullopt;
}

SysResult<> SqliteStore::put(const FileRef& file, const OwnerRecord& record) {
  const std::int64_t birth = birth_of(file);
  if (birth == 0) {
    brief_.insert_or_assign({file.status.st_dev, file.status.st_ino}, record);
    recorded_.push_back({file.status.st_dev, file.status.st_ino});
    return Done{};
  }
  if (!open(true)) return Errno(EIO);
  return database_->put(key_of(file, root_device_), {birth, record});
}

SysResult<> SqliteStore::remove(const FileRef& file) {
  brief_.erase({file.status.st_dev, file.status.st_ino});
  if (!open(false)) return Done{};
  return database_->remove(key_of(file, root_device_));
}

SysResult<std::string> SqliteStore::attribute(const FileRef& file, const std::string& name) {
  if (!open(false)) return Errno(ENODATA);
  const Key key = key_of(file, root_device_);
  Statement statement(database_->handle(),
                      "SELECT value FROM attribute WHERE device = ? AND inode = ? AND birth = ? "
                      "AND name = ?");
  statement.number(1, key.device).number(2, key.inode).number(3, birth_of(file)).text(4, name);
  if (!statement.step()) return Errno(ENODATA);
  return statement.bytes(0);
}

SysResult<> SqliteStore::set_attribute(const FileRef& file, const std::string& name,
                                       const std::string& value, int flags) {
  const bool exists = attribute(file, name).ok();
  if (exists && (flags & XATTR_CREATE)) return Errno(EEXIST);
  if (!exists && (flags & XATTR_REPLACE)) return Errno(ENODATA);
  if (!open(true)) return Errno(EIO);
  const Key key = key_of(file, root_device_);
  Statement statement(database_->handle(),
                      "INSERT OR REPLACE INTO attribute VALUES (?, ?, ?, ?, ?)");
  statement.number(1, key.device).number(2, key.inode).number(3, birth_of(file));
  database_->note_attribute(key);
  return statement.text(4, name).bytes(5, value).run();
}

SysResult<> SqliteStore::remove_attribute(const FileRef& file, const std::string& name) {
  const auto there = attribute(file, name);
  if (!there) return there.error();
  const Key key = key_of(file, root_device_);
  Statement statement(database_->handle(),
                      "DELETE FROM attribute WHERE device = ? AND inode = ? AND name = ?");
  return statement.number(1, key.device).number(2, key.inode).text(3, name).run();
}

std::vector<std::string> SqliteStore::attributes(const FileRef& file) {
  std::vector<std::string> names;
  if (!open(false)) return names;
  const Key key = key_of(file, root_device_);
  Statement statement(
      database_->handle(),
      "SELECT name FROM attribute WHERE device = ? AND inode = ? AND birth = ? ORDER BY name");
  statement.number(1, key.device).number(2, key.inode).number(3, birth_of(file));
  while (statement.step())
    names.push_back(statement.bytes(0));
  return names;
}

SysResult<> SqliteStore::begin_change(const FileRef& file, const OwnerRecord& record) {
  if (!open(true)) return Errno(EIO);
  Statement statement(database_->handle(),
                      "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?, ?)");
  statement.text(1, file.host).number(2, static_cast<std::int64_t>(file.status.st_ino));
  statement.number(3, record.user).number(4, record.group).number(5, record.mode);
  return statement.number(6, static_cast<std::int64_t>(record.device)).run();
}

SysResult<> SqliteStore::end_change(const FileRef& file) {
  if (!open(false)) return Done{};
  Statement statement(database_->handle(), "DELETE FROM pending WHERE host = ?");
  return statement.text(1, file.host).run();
}

std::vector<SqliteStore::Pending> SqliteStore::pending() {
  std::vector<Pending> all;
  if (!open(false)) return all;
  Statement statement(database_->handle(),
                      R"(SELECT host, inode, user, "group", mode, node FROM pending)");
  while (statement.step()) {
    Pending one{.host = statement.bytes(0), .record = {}};
    one.inode = static_cast<ino_t>(statement.number(1));
    one.record.user = static_cast<Id>(statement.number(2));
    one.record.group = static_cast<Id>(statement.number(3));
    one.record.mode = static_cast<mode_t>(statement.number(4));
    one.record.device = static_cast<dev_t>(statement.number(5));
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<RecordedInode> SqliteStore::take_recorded(bool refresh) {
  if (refresh) (void)is_empty();
  auto recorded = std::exchange(recorded_, {});
  if (database_ == nullptr) return recorded;
  for (const Key& key : database_->take_recorded()) {
    const dev_t device = key.device == 0 ? root_device_ : static_cast<dev_t>(key.device);
    recorded.push_back({device, static_cast<ino_t>(key.inode)});
  }
  return recorded;
}

bool SqliteStore::is_empty() { return !open(false) || database_->is_empty(); }

}  // namespace nestp::identity
