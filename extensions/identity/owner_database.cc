#include "extensions/identity/owner_database.h"

#include <cctype>
#include <cerrno>
#include <sqlite3.h>
#include <unistd.h>
#include <utility>

namespace nestp::identity {
namespace {

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
  CREATE TABLE IF NOT EXISTS leaving (
    device INTEGER, inode INTEGER, host TEXT, PRIMARY KEY (device, inode)) WITHOUT ROWID;
)";

/// Of a database on a full disk or a read-only file system, where not even locks can be had.
/// All that means something in a URI or in SQL is given by number.
std::string unlocked_uri(const std::string& place) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string uri = "file:";
  for (const char letter : place) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool is_plain = std::isalnum(byte) || letter == '/' || letter == '.' || letter == '-';
    if (is_plain) {
      uri += letter;
    } else {
      uri.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return uri + "?immutable=1";
}

constexpr const char* kCopy = R"(
  INSERT INTO main.owner SELECT * FROM source.owner;
  INSERT INTO main.attribute SELECT * FROM source.attribute;
  DETACH source;
)";

/// Two sessions that make the database at once: one of them is told that it is busy, without
/// any patience where that could be a deadlock.
bool make_tables(sqlite3* handle) {
  constexpr useconds_t kPause = 1000;  // microseconds
  int code = SQLITE_BUSY;
  for (int tries = 0; tries < kPatience && (code & 0xff) == SQLITE_BUSY; ++tries) {
    if (tries != 0) usleep(kPause);
    code = sqlite3_exec(handle, kSchema, nullptr, nullptr, nullptr);
  }
  return code == SQLITE_OK;
}

}  // namespace

/// A statement that is reset at the end of each use.
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
  Statement& key(const FileKey& key) { return number(1, key.device).number(2, key.inode); }
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
  bool step() {
    code_ = statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_);
    return code_ == SQLITE_ROW;
  }
  /// The end was reached, and not an error.
  bool is_complete() const { return code_ == SQLITE_DONE; }
  SysResult<> run() {
    (void)step();
    const int code = code_;
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
  /// Four columns that begin at `column`.
  OwnerRecord record(int column) const {
    return {.user = static_cast<Id>(number(column)),
            .group = static_cast<Id>(number(column + 1)),
            .mode = static_cast<mode_t>(number(column + 2)),
            .device = static_cast<dev_t>(number(column + 3))};
  }
  Statement& record(int index, const OwnerRecord& record) {
    number(index, record.user).number(index + 1, record.group).number(index + 2, record.mode);
    return number(index + 3, static_cast<std::int64_t>(record.device));
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
};

std::unique_ptr<OwnerDatabase> OwnerDatabase::open(const std::string& place, bool make) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (make ? SQLITE_OPEN_CREATE : 0);
  if (sqlite3_open_v2(place.c_str(), &handle, flags, nullptr) == SQLITE_OK) {
    sqlite3_busy_timeout(handle, kPatience);
    if (make_tables(handle)) return std::unique_ptr<OwnerDatabase>(new OwnerDatabase(handle));
  }
  sqlite3_close_v2(handle);
  return nullptr;
}

std::unique_ptr<OwnerDatabase> OwnerDatabase::open_copy(const std::string& place) {
  sqlite3* handle = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  bool is_good =
      sqlite3_open_v2(":memory:", &handle, flags, nullptr) == SQLITE_OK && make_tables(handle);
  if (is_good && !place.empty()) {
    const std::string attach = "ATTACH '" + unlocked_uri(place) + "' AS source;" + kCopy;
    is_good = sqlite3_exec(handle, attach.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  if (is_good) return std::unique_ptr<OwnerDatabase>(new OwnerDatabase(handle));
  sqlite3_close_v2(handle);
  return nullptr;
}

OwnerDatabase::OwnerDatabase(sqlite3* handle)
    : handle_(handle),
      version_(std::make_unique<Statement>(handle, "PRAGMA data_version")),
      one_(std::make_unique<Statement>(handle, R"(SELECT birth, user, "group", mode, node FROM owner
        WHERE device = ? AND inode = ?)")) {}

OwnerDatabase::~OwnerDatabase() {
  // Statements must go before their database.
  version_.reset();
  one_.reset();
  sqlite3_close_v2(handle_);
}

Statement OwnerDatabase::prepare(const char* text) { return {handle_, text}; }

/// Another number when another session has written.
std::int64_t OwnerDatabase::version() {
  const std::int64_t version = version_->step() ? version_->number(0) : -1;
  version_->reset();
  return version;
}

bool OwnerDatabase::load() {
  rows_.clear();
  Statement all = prepare(R"(SELECT device, inode, birth, user, "group", mode, node FROM owner)");
  while (all.step()) {
    const FileKey key{all.number(0), all.number(1)};
    rows_.insert_or_assign(key, OwnerRow{.birth = all.number(2), .record = all.record(3)});
    recorded_.push_back(key);
  }
  with_attributes_.clear();
  Statement some = prepare("SELECT DISTINCT device, inode FROM attribute");
  while (some.step()) {
    with_attributes_.insert({some.number(0), some.number(1)});
    recorded_.push_back({some.number(0), some.number(1)});
  }
  return all.is_complete() && some.is_complete();
}

void OwnerDatabase::refresh() {
  const auto now = std::chrono::steady_clock::now();
  if (seen_ >= 0 && now - looked_ < kStaleness) return;
  looked_ = now;
  const std::int64_t version = this->version();
  if (version == seen_ && version >= 0) return;
  // What could not be read whole is read again.
  seen_ = load() ? version : -1;
}

/// From the file, into memory.
const OwnerRow* OwnerDatabase::read(const FileKey& key) {
  const bool found = one_->key(key).step();
  if (found) {
    rows_.insert_or_assign(key, OwnerRow{.birth = one_->number(0), .record = one_->record(1)});
    recorded_.push_back(key);
  } else if (one_->is_complete()) {
    rows_.erase(key);
  }
  one_->reset();
  const auto row = rows_.find(key);
  return row == rows_.end() ? nullptr : &row->second;
}

const OwnerRow* OwnerDatabase::find(const FileKey& key, Freshness freshness) {
  refresh();
  if (freshness == Freshness::now && version() != seen_) return read(key);
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

bool OwnerDatabase::knows(const FileKey& key) {
  if (find(key, Freshness::now) != nullptr || with_attributes_.contains(key)) return true;
  if (version() == seen_) return false;
  Statement statement = prepare("SELECT 1 FROM attribute WHERE device = ? AND inode = ?");
  return statement.key(key).step();
}

bool OwnerDatabase::is_empty() {
  refresh();
  return rows_.empty() && with_attributes_.empty();
}

SysResult<> OwnerDatabase::put(const FileKey& key, const OwnerRow& row) {
  Statement statement = prepare("INSERT OR REPLACE INTO owner VALUES (?, ?, ?, ?, ?, ?, ?)");
  const auto done = statement.key(key).number(3, row.birth).record(4, row.record).run();
  if (done) rows_.insert_or_assign(key, row);
  recorded_.push_back(key);
  return done;
}

SysResult<> OwnerDatabase::remove_row(const FileKey& key) {
  Statement owner = prepare("DELETE FROM owner WHERE device = ? AND inode = ?");
  const auto done = owner.key(key).run();
  if (done) rows_.erase(key);
  return done;
}

SysResult<> OwnerDatabase::remove(const FileKey& key) {
  Transaction transaction(*this);
  if (const auto done = remove_row(key); !done) return done;
  Statement attributes = prepare("DELETE FROM attribute WHERE device = ? AND inode = ?");
  if (const auto done = attributes.key(key).run(); !done) return done;
  if (const auto done = end_removal(key); !done) return done;
  with_attributes_.erase(key);
  return transaction.commit();
}

SysResult<std::string> OwnerDatabase::attribute(const FileKey& key, std::int64_t birth,
                                                const std::string& name) {
  Statement statement = prepare(
      "SELECT value FROM attribute WHERE device = ? AND inode = ? AND birth = ? AND name = ?");
  if (!statement.key(key).number(3, birth).text(4, name).step()) return Errno(ENODATA);
  return statement.bytes(0);
}

SysResult<> OwnerDatabase::put_attribute(const FileKey& key, std::int64_t birth,
                                         const std::string& name, const std::string& value) {
  with_attributes_.insert(key);
  recorded_.push_back(key);
  Statement statement = prepare("INSERT OR REPLACE INTO attribute VALUES (?, ?, ?, ?, ?)");
  return statement.key(key).number(3, birth).text(4, name).bytes(5, value).run();
}

SysResult<> OwnerDatabase::remove_attribute(const FileKey& key, const std::string& name) {
  Statement statement =
      prepare("DELETE FROM attribute WHERE device = ? AND inode = ? AND name = ?");
  return statement.key(key).text(3, name).run();
}

std::vector<std::string> OwnerDatabase::attributes(const FileKey& key, std::int64_t birth) {
  std::vector<std::string> names;
  Statement statement = prepare(
      "SELECT name FROM attribute WHERE device = ? AND inode = ? AND birth = ? ORDER BY name");
  statement.key(key).number(3, birth);
  while (statement.step())
    names.push_back(statement.bytes(0));
  return names;
}

SysResult<> OwnerDatabase::begin_change(const PendingChange& change) {
  Statement statement = prepare("INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?, ?)");
  statement.text(1, change.host).number(2, static_cast<std::int64_t>(change.inode));
  return statement.record(3, change.record).run();
}

SysResult<> OwnerDatabase::end_change(const std::string& host) {
  Statement statement = prepare("DELETE FROM pending WHERE host = ?");
  return statement.text(1, host).run();
}

std::vector<PendingChange> OwnerDatabase::pending() {
  std::vector<PendingChange> all;
  Statement statement = prepare(R"(SELECT host, inode, user, "group", mode, node FROM pending)");
  while (statement.step()) {
    all.push_back({.host = statement.bytes(0),
                   .inode = static_cast<ino_t>(statement.number(1)),
                   .record = statement.record(2)});
  }
  return all;
}

SysResult<> OwnerDatabase::begin_removal(const PendingRemoval& removal) {
  Statement statement = prepare("INSERT OR REPLACE INTO leaving VALUES (?, ?, ?)");
  return statement.key(removal.key).text(3, removal.host).run();
}

SysResult<> OwnerDatabase::end_removal(const FileKey& key) {
  Statement statement = prepare("DELETE FROM leaving WHERE device = ? AND inode = ?");
  return statement.key(key).run();
}

std::vector<PendingRemoval> OwnerDatabase::removals() {
  std::vector<PendingRemoval> all;
  Statement statement = prepare("SELECT device, inode, host FROM leaving");
  while (statement.step()) {
    all.push_back({.key = {statement.number(0), statement.number(1)}, .host = statement.bytes(2)});
  }
  return all;
}

std::vector<FileKey> OwnerDatabase::take_recorded() { return std::exchange(recorded_, {}); }

OwnerDatabase::Transaction::Transaction(OwnerDatabase& database)
    : database_(database), is_open_(false) {
  if (database.in_transaction_) return;
  is_open_ = database.prepare("BEGIN IMMEDIATE").run().ok();
  database.in_transaction_ = is_open_;
}

OwnerDatabase::Transaction::~Transaction() {
  if (!is_open_) return;
  database_.in_transaction_ = false;
  (void)database_.prepare("ROLLBACK").run();  // a failed commit may have done that
  database_.seen_ = -1;                       // memory holds what was undone
}

SysResult<> OwnerDatabase::Transaction::commit() {
  if (!is_open_) return Done{};
  const auto done = database_.prepare("COMMIT").run();
  if (!done) return done;
  is_open_ = false;
  database_.in_transaction_ = false;
  return Done{};
}

}  // namespace nestp::identity
