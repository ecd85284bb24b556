// Parquet files, column by column: data pages of version 1 and 2; PLAIN, dictionary, RLE, DELTA_BINARY_PACKED,
// DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY; uncompressed, Snappy, gzip, zstd, LZ4_RAW. (Apache Parquet format 2.10.)
//
// Lengths and offsets are checked before they are used: a file that lies is an Error that says where. Memory: one page of each
// column that is read, unpacked (kMaxPage), and its dictionary.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cairn::data {

inline constexpr std::size_t kMaxPage = 512'000'000;

enum class ParquetType { boolean = 0, int32 = 1, int64 = 2, int96 = 3, float32 = 4, float64 = 5, bytes = 6, fixed_bytes = 7 };

struct ParquetColumn {
  std::string path;  // names from the root, separated by dots: "metadata.url"
  ParquetType type = ParquetType::boolean;
  std::int32_t type_length = 0;  // of fixed_bytes
  int max_definition = 0;        // levels: a value is there when its definition level is this
  int max_repetition = 0;        // 0: one value a row at most
};

using ParquetValue = std::variant<std::monostate, bool, std::int64_t, double, std::string>;  // monostate: null; int96: 12 bytes

struct ParquetCell {
  int repetition = 0, definition = 0;  // levels
  ParquetValue value;
};

class ParquetColumnReader;

class ParquetFile {
 public:
  explicit ParquetFile(std::string_view bytes);  // which must outlive it
  ~ParquetFile();

  const std::vector<ParquetColumn>& columns() const;
  std::int64_t rows() const;
  std::size_t row_groups() const;
  std::int64_t rows_of(std::size_t row_group) const;
  int column_named(std::string_view path) const;  // -1: none
  // Cells of one column of one row group, front to back. Error for a codec or encoding that is not read.
  std::unique_ptr<ParquetColumnReader> read(std::size_t row_group, std::size_t column) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class ParquetColumnReader {
 public:
  struct State;
  explicit ParquetColumnReader(std::unique_ptr<State> state);  // by ParquetFile
  ~ParquetColumnReader();
  bool next(ParquetCell& cell);  // false at the end

 private:
  std::unique_ptr<State> state_;
};

}  // namespace cairn::data
