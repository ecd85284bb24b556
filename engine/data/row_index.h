// NAME.rows beside a token shard: how its documents were packed into rows ahead of time (best_fit.h; docs/format/rows.md).
//
// Both ways are direct: row -> pieces, and tokens -> rows that hold them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/disk.h"
#include "base/mapped_file.h"
#include "engine/data/best_fit.h"

namespace cairn::data {

// Writes the file, which must not exist; synced. `shard_tokens` is what the shard holds in all.
void write_row_index(Disk& disk, const std::filesystem::path& path, const PackedRows& packed, std::int64_t shard_tokens);

// Mapped into memory. Opening checks all of it; errors name the file and the place. Any thread may read.
class RowIndex {
 public:
  static RowIndex open(const std::filesystem::path& path);

  std::int64_t row_length() const { return row_length_; }  // T
  std::int64_t rows() const { return rows_; }
  std::int64_t shard_tokens() const { return shard_tokens_; }
  void pieces(std::int64_t row, std::vector<Piece>& out) const;  // Error outside [0, rows())
  // Rows that hold a token of [begin, end) of the shard, ascending.
  std::vector<std::int64_t> rows_of(std::int64_t begin, std::int64_t end) const;

 private:
  RowIndex() = default;
  std::int64_t row_first(std::int64_t row) const;
  Piece piece(std::int64_t index) const;
  std::int64_t by_token(std::int64_t rank) const;
  void check() const;

  std::string name_;
  MappedFile file_;
  std::int64_t row_length_ = 0, rows_ = 0, pieces_ = 0, shard_tokens_ = 0;
};

}  // namespace cairn::data
