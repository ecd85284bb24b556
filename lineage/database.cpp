#include "lineage/database.h"

#include <sqlite3.h>

#include <utility>

#include "base/error.h"

namespace cairn::lineage {

namespace {

constexpr int kBusyTimeoutMs = 30'000;

// The URI form of a path, for immutable=1.
std::string file_uri(const std::filesystem::path& path, const char* parameters) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return uri + parameters;
}

}  // namespace

Query::Query(Database& database, std::string sql, sqlite3_stmt* statement)
    : database_(&database), sql_(std::move(sql)), statement_(statement) {}

Query::Query(Query&& other) noexcept
    : database_(other.database_), sql_(std::move(other.sql_)), statement_(std::exchange(other.statement_, nullptr)) {}

Query::~Query() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  database_->idle_[sql_].push_back(statement_);
}

bool Query::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_->fail_with(sql_.substr(0, 60));
}

Query& Query::one() {
  if (!next()) fail("{}: no row for: {}", database_->path_.string(), sql_.substr(0, 60));
  return *this;
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Query::text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size)) : std::string();
}

Digest Query::digest(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return Digest::from_bytes({static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)});
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::optional<std::int64_t> Query::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

void Query::bind_integer(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
}

void Query::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Query::bind(int index, const Digest& digest) {
  bind(index, std::span<const std::uint8_t>(digest.bytes));
}

void Query::bind(int index, std::span<const std::uint8_t> blob) {
  sqlite3_bind_blob64(statement_, index, blob.data(), blob.size(), SQLITE_TRANSIENT);
}

Database::Database(const std::filesystem::path& path, Mode mode, std::int64_t application_id, std::int64_t user_version)
    : path_(path), mode_(mode) {
  if (mode == Mode::create && std::filesystem::exists(path)) fail("{}: exists already", path.string());
  const int access = mode == Mode::create  ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                     : mode == Mode::write ? SQLITE_OPEN_READWRITE
                                           : SQLITE_OPEN_READONLY;
  try {
    if (sqlite3_open_v2(path.c_str(), &connection_, access, nullptr) != SQLITE_OK) fail_with("open");
    sqlite3_extended_result_codes(connection_, 1);
    sqlite3_busy_timeout(connection_, kBusyTimeoutMs);
    if (mode == Mode::read &&
        sqlite3_exec(connection_, "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr) == SQLITE_CANTOPEN) {
      // A WAL database on a read-only file system: readable as long as nobody changes it, and there nobody can.
      sqlite3_close_v2(connection_);
      const std::string uri = file_uri(path, "?immutable=1");
      if (sqlite3_open_v2(uri.c_str(), &connection_, access | SQLITE_OPEN_URI, nullptr) != SQLITE_OK) fail_with("open");
    }
    if (mode == Mode::create) script("PRAGMA page_size = 8192");
    if (mode != Mode::read) script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    script(
        "PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
        "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536;");
    if (mode != Mode::create) {
      if (query("PRAGMA application_id").one().integer(0) != application_id)
        fail("{}: a database, but not a ledger of cairn", path.string());
      const std::int64_t found = query("PRAGMA user_version").one().integer(0);
      if (found > user_version) {
        fail("{}: made by a newer cairn (schema version {}, this one knows {}); use that one", path.string(), found,
             user_version);
      }
    }
  } catch (...) {
    close();
    throw;
  }
}

Database::~Database() {
  close();
}

void Database::close() noexcept {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  idle_.clear();
  sqlite3_close_v2(connection_);
  connection_ = nullptr;
}

Query Database::prepare(std::string_view sql) {
  std::string key(sql);
  if (auto found = idle_.find(key); found != idle_.end() && !found->second.empty()) {
    sqlite3_stmt* statement = found->second.back();
    found->second.pop_back();
    return Query(*this, std::move(key), statement);
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(connection_, key.c_str(), static_cast<int>(key.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                         nullptr) != SQLITE_OK) {
    fail_with(key.substr(0, 60));
  }
  return Query(*this, std::move(key), statement);
}

void Database::script(std::string_view sql) {
  const std::string text(sql);
  if (sqlite3_exec(connection_, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail_with(text.substr(0, 60));
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(connection_);
}

std::vector<std::string> Database::check(bool quick) {
  std::vector<std::string> found;
  for (Query rows = query(quick ? "PRAGMA quick_check(20)" : "PRAGMA integrity_check(20)"); rows.next();) {
    if (rows.text(0) != "ok") found.push_back(rows.text(0));
  }
  for (Query rows = query("PRAGMA foreign_key_check"); rows.next();) {
    found.push_back(
        fmt::format("table {}: row {} points at a row of {} that is not there", rows.text(0), rows.integer(1), rows.text(2)));
  }
  return found;
}

void Database::fail_with(std::string_view doing) const {
  const int code = connection_ ? sqlite3_extended_errcode(connection_) : SQLITE_NOMEM;
  const char* reason = connection_ ? sqlite3_errmsg(connection_) : "out of memory";
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      fail("{}: not a database", path_.string());
    case SQLITE_CORRUPT:
      fail("{}: damaged ({}); it can be rebuilt from the sealed run records", path_.string(), reason);
    case SQLITE_BUSY:
      fail("{}: another process holds it for more than {} s", path_.string(), kBusyTimeoutMs / 1000);
    case SQLITE_READONLY:
      fail("{}: opened for reading only", path_.string());
    default:
      fail("{}: {} ({})", path_.string(), reason, doing);
  }
}

Transaction::Transaction(Database& database, const char* purpose) : database_(database) {
  if (database.transaction_) fail("{}: '{}' begun inside '{}'", database.path_.string(), purpose, database.transaction_);
  database.execute("BEGIN IMMEDIATE");
  database.transaction_ = purpose;
}

Transaction::~Transaction() {
  if (!open_) return;
  database_.transaction_ = nullptr;
  // A failed statement may have rolled back already; then this fails, and that is fine.
  sqlite3_exec(database_.connection_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  database_.transaction_ = nullptr;
  open_ = false;
}

}  // namespace cairn::lineage
