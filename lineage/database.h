// A thin SQLite connection: typed binding and reading, a statement cache, transactions. Knows nothing of lineage.
//
// Settings of every connection: WAL, synchronous=FULL (a commit is durable when it returns), foreign_keys, recursive_triggers (so
// that triggers also fire on REPLACE), trusted_schema off, cell_size_check, busy_timeout. One thread at a time may use a Database
// and what it made; other processes may have the same file open. Errors name the file and, for a failed statement, SQLite's own
// words.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cairn::lineage {

class Database;

// A running statement. Leaves it to the cache of its Database when destroyed, so it must not outlive it.
class Query {
 public:
  ~Query();
  Query(Query&& other) noexcept;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool next();  // steps to the next row; false at the end
  // The row that must be there; Error otherwise.
  Query& one();

  std::int64_t integer(int column) const;
  std::string text(int column) const;  // of TEXT or BLOB
  Digest digest(int column) const;     // of a BLOB of 32 bytes; Error otherwise
  bool is_null(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;

 private:
  friend class Database;
  Query(Database& database, std::string sql, sqlite3_stmt* statement);
  template <std::integral T>
  void bind(int index, T value) {
    bind_integer(index, static_cast<std::int64_t>(value));
  }
  void bind(int index, std::string_view text);
  void bind(int index, const Digest& digest);  // as a BLOB
  void bind(int index, std::span<const std::uint8_t> blob);
  template <typename T>
  void bind(int index, const std::optional<T>& value) {
    if (value) bind(index, *value);  // an unbound parameter is NULL
  }
  void bind_integer(int index, std::int64_t value);

  Database* database_;
  std::string sql_;
  sqlite3_stmt* statement_;
};

class Database {
 public:
  enum class Mode {
    create,  // Error when the file exists
    write,
    read,  // queries only; works on a read-only file system
  };

  // Error when the file is not a database, or not one with this application_id and a user_version of at most `user_version`.
  // (Mode::create sets neither: the schema's own pragmas do.)
  Database(const std::filesystem::path& path, Mode mode, std::int64_t application_id, std::int64_t user_version);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  template <typename... Args>
  Query query(std::string_view sql, const Args&... args) {
    Query query = prepare(sql);
    int index = 0;
    (query.bind(++index, args), ...);
    return query;
  }
  // Runs a statement that returns no rows.
  template <typename... Args>
  void execute(std::string_view sql, const Args&... args) {
    query(sql, args...).next();
  }
  void script(std::string_view sql);  // several statements, nothing bound
  std::int64_t last_id() const;       // rowid of the last INSERT

  // "ok", or what PRAGMA quick_check / integrity_check and foreign_key_check found, one line each.
  std::vector<std::string> check(bool quick);

  const std::filesystem::path& path() const { return path_; }
  bool read_only() const { return mode_ == Mode::read; }

 private:
  friend class Query;
  friend class Transaction;
  Query prepare(std::string_view sql);
  [[noreturn]] void fail_with(std::string_view doing) const;
  void close() noexcept;

  std::filesystem::path path_;
  Mode mode_;
  sqlite3* connection_ = nullptr;
  std::unordered_map<std::string, std::vector<sqlite3_stmt*>> idle_;
  const char* transaction_ = nullptr;  // what the open transaction is for
};

// BEGIN IMMEDIATE; rolled back when destroyed without commit(). `purpose` is named when a second one is begun inside it.
class Transaction {
 public:
  Transaction(Database& database, const char* purpose);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace cairn::lineage
