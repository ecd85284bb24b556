// Parquet files of flat rows, as pyarrow, DuckDB and sources/parquet.h read them (Apache Parquet format 2.10): data pages of
// version 1, PLAIN or a dictionary of texts, zstd or nothing, statistics for each column of each row group.
//
// The bytes are a function of the rows and the options alone. Memory: the rows of one row group, once as values and one column of
// them once more as pages.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"
#include "engine/data/sources/parquet.h"

namespace cairn::data {

struct ParquetField {
  enum class Type { text, int64, float64, boolean };  // text: UTF-8
  std::string name;                                   // no dots: columns do not nest
  Type type = Type::text;
  bool optional = false;  // may hold nulls
};

struct ParquetOptions {
  std::uint64_t row_group_bytes = 64'000'000;  // of values, at most (more for a single longer row)
  std::uint64_t page_bytes = 1'000'000;        // likewise, before compression
  bool zstd = true;
};

class ParquetWriter {
 public:
  // Error when there is no field, or two have one name.
  ParquetWriter(std::unique_ptr<DiskFile> file, std::vector<ParquetField> fields, ParquetOptions options = {});
  ~ParquetWriter();

  // One value a field, of its type; monostate is null. Error naming field and row: a value of another type, null where none may
  // be, a text that is not UTF-8 or has more bytes than a page may (kMaxPage).
  void append(const std::vector<ParquetValue>& row);
  void finish();  // required: writes the footer, syncs and closes
  std::int64_t rows() const;
  std::uint64_t bytes() const;  // handed to the file so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::data
