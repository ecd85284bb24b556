#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/data/sources/block_codecs.h"
#include "engine/data/sources/parquet.h"
#include "engine/data/sources/parquet_source.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;

namespace {

// As make_parquet.py writes values.
std::string line_of(const ParquetValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "null\n";
  if (const bool* b = std::get_if<bool>(&value)) return *b ? "true\n" : "false\n";
  if (const std::int64_t* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}\n", *number);
  if (const double* number = std::get_if<double>(&value)) {
    std::uint64_t bits;
    std::memcpy(&bits, number, sizeof bits);
    return fmt::format("{:016x}\n", bits);
  }
  const std::string& text = std::get<std::string>(value);
  return to_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}) + "\n";
}

std::string documents_file() {
  const std::string hex = read_file(test::source_folder() / "tests/golden/parquet/documents.hex");
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

struct Rows : Intake {
  void document(Document&& document) override { documents.push_back(std::move(document)); }
  void skipped(std::string_view) override {}
  void damaged(std::string_view reason, const std::string& message) override {
    damage.push_back(std::string(reason) + ": " + message);
  }
  std::vector<Document> documents;
  std::vector<std::string> damage;
};

// Reads all of it; how many values came before an Error.
std::int64_t read_all(std::string_view bytes) {
  std::int64_t values = 0;
  try {
    const ParquetFile file(bytes);
    for (std::size_t group = 0; group < file.row_groups(); ++group) {
      for (std::size_t column = 0; column < file.columns().size(); ++column) {
        const auto reader = file.read(group, column);
        for (ParquetCell cell; values < 1'000'000 && reader->next(cell);) ++values;
      }
    }
  } catch (const Error&) {
  }
  return values;
}

}  // namespace

TEST_CASE("parquet: every column of apache/parquet-testing reads as pyarrow reads it") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(test::source_folder() / "tests/golden/parquet/parquet.json");
  int columns = 0;
  for (const auto& [name, expected] : golden.items()) {
    const auto& name_ = name;
    INFO(name_);
    const std::string bytes = read_file(shared / "data/parquet" / name);
    const ParquetFile file(bytes);
    CHECK(file.rows() == expected["rows"].get<std::int64_t>());
    REQUIRE(file.columns().size() == expected["columns"].size());
    for (std::size_t i = 0; i < file.columns().size(); ++i) {
      const Json& leaf = expected["columns"][i];
      INFO(leaf["leaf"].get<std::string>());
      std::string lines;
      std::int64_t values = 0;
      for (std::size_t group = 0; group < file.row_groups(); ++group) {
        const auto reader = file.read(group, i);
        for (ParquetCell cell; reader->next(cell);) {
          if (file.columns()[i].max_repetition > 0 && std::holds_alternative<std::monostate>(cell.value)) continue;
          ++values;
          lines += line_of(cell.value);
        }
      }
      CHECK(values == leaf["values"].get<std::int64_t>());
      if (!leaf["sha256"].is_null()) CHECK(sha256(lines).hex() == leaf["sha256"].get<std::string>());
      ++columns;
    }
  }
  CHECK(columns == 158);
}

TEST_CASE("parquet: rows are documents, with what stands at the top or inside metadata") {
  Rows rows;
  const std::string bytes = documents_file();
  ParquetReader().read(bytes, "d.parquet", rows);
  REQUIRE(rows.documents.size() == 5);
  CHECK(rows.documents[1].text == "Text 1 \xe6\x97\xa5");
  CHECK(rows.documents[1].url == "https://a.org/1");
  CHECK(rows.documents[1].retrieved == "2024-05-01T00:00:00Z");
  CHECK(rows.documents[1].language == "de");
  CHECK(rows.documents[1].licence == "CC0-1.0");
  CHECK(rows.documents[3].text == "");
  CHECK(rows.documents[4].language == "");
  CHECK(rows.damage.empty());
  REQUIRE_SHARED(shared);
  CHECK(error_of([&] { ParquetReader().read(read_file(shared / "data/parquet/alltypes_plain.parquet"), "a.parquet", rows); }) ==
        "a.parquet: no column \"text\" that holds text");
}

TEST_CASE("parquet: a damaged row group costs its rows, is told, and the next is read") {
  std::string bytes = documents_file();
  bytes[8] = static_cast<char>(bytes[8] ^ 0x55);  // inside the first page's header
  Rows rows;
  ParquetReader().read(bytes, "d.parquet", rows);
  CHECK(rows.documents.size() == 2);
  REQUIRE(rows.damage.size() == 1);
  CHECK(rows.damage[0].starts_with("row_group: d.parquet: row group 0: row 0 of 3: "));
}

TEST_CASE("parquet: a file that claims what no memory holds is an error before any is taken") {
  const auto field = [](int step, int type) { return std::string(1, static_cast<char>(step << 4 | type)); };
  const auto varint = [](std::uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    return bytes + static_cast<char>(value);
  };
  const auto number = [&](int step, std::int64_t value) {  // not below 0
    return field(step, 6) + varint(static_cast<std::uint64_t>(value) * 2);
  };
  const auto text = [&](int step, const std::string& bytes) { return field(step, 8) + varint(bytes.size()) + bytes; };
  const auto with_end = [](std::string fields) { return std::move(fields) + '\0'; };
  // A file of one column of bytes or numbers, and of one page.
  const auto file_of = [&](ParquetType type, const std::string& page_header, const std::string& page, std::int64_t values,
                           const std::string& path = "text") {
    const std::string pages = "PAR1" + page_header + page;
    const std::string root = with_end(text(4, "root") + number(1, 1));
    const std::string leaf = with_end(number(1, static_cast<int>(type)) + number(2, 0) + text(1, path));
    const std::string chunk =
        with_end(field(3, 12) + with_end(number(1, static_cast<int>(type)) + number(3, 0) + number(1, values) + number(4, 4)));
    const std::string group = with_end(field(1, 9) + "\x1c" + chunk + number(2, values));
    const std::string footer = with_end(field(2, 9) + "\x2c" + root + leaf + number(1, values) + field(1, 9) + "\x1c" + group);
    std::string size(4, '\0');
    for (std::size_t i = 0; i < 4; ++i) size[i] = static_cast<char>(footer.size() >> (8 * i));
    return pages + footer + size + "PAR1";
  };
  const auto page_header = [&](std::int64_t size, std::int64_t values, int encoding) {
    const std::string about = with_end(number(1, values) + number(1, encoding) + number(1, 3) + number(1, 3));
    return with_end(number(1, 0) + number(1, size) + number(1, size) + field(2, 12) + about);
  };
  const auto told_of = [](const std::string& bytes) {
    return error_of([&] {
      const ParquetFile file(bytes);
      const auto reader = file.read(0, 0);
      for (ParquetCell cell; reader->next(cell);) {
      }
    });
  };
  const std::string good = std::string("\x02\0\0\0", 4) + "ab";
  REQUIRE(told_of(file_of(ParquetType::bytes, page_header(6, 1, 0), good, 1)) == "");
  CHECK(read_all(file_of(ParquetType::bytes, page_header(6, 1, 0), good, 1)) == 1);

  // A hundred million equal steps in a few bytes.
  const std::int64_t many = 100'000'000;
  const std::string steps = varint(1 << 20) + varint(1) + varint(many) + varint(0) + std::string(200, '\0');
  CHECK(told_of(file_of(ParquetType::int64, page_header(static_cast<std::int64_t>(steps.size()), many, 5), steps, many)) ==
        "delta: 100000000 values in one page");

  // Values that each repeat the whole of the one before: beginnings of 0 bytes and then of all, ends of all and then of 0 bytes.
  // A run of numbers is one block of steps from number to number, of 20 bits each, above the least.
  constexpr std::uint64_t kValues = 1000, kLength = 1'000'000;
  const auto run_of = [&](std::uint64_t first, std::uint64_t least, std::uint64_t step, std::uint64_t later_steps) {
    std::string bits(kValues * 20 / 8, '\0');
    for (std::uint64_t i = 0; i < kValues * 20; ++i) {
      if ((i < 20 ? step : later_steps) >> (i % 20) & 1) bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << (i % 8));
    }
    return varint(kValues) + varint(1) + varint(kValues) + varint(first) + varint(least) + "\x14" + bits;
  };
  const std::string repeats =
      run_of(0, 0, kLength, 0) + run_of(2 * kLength, 2 * kLength - 1, 0, kLength) + std::string(kLength, 'x');
  CHECK(told_of(file_of(ParquetType::bytes, page_header(static_cast<std::int64_t>(repeats.size()), kValues, 7), repeats,
                        kValues)) == "delta: the values of a page have more than 512000000 bytes");

  // Lists in lists without end, many values of a byte each, a name as long as the file.
  CHECK(told_of(file_of(ParquetType::bytes, field(1, 9) + std::string(1'000'000, '\x19'), good, 1)) ==
        "thrift: nested deeper than 32");
  CHECK(told_of(file_of(ParquetType::bytes, field(1, 9) + "\xf3" + varint(100'000) + std::string(200'000, '\1'), good, 1)) ==
        "thrift: more values than are read of one");
  CHECK(told_of(file_of(ParquetType::bytes, page_header(6, 1, 0), good, 1, std::string(5000, 'n'))) ==
        "a column's path is longer than 4096 bytes");

  // Levels whose lengths add up to less than nothing.
  const std::string levels =
      with_end(number(1, 1) + number(1, 0) + number(1, 1) + number(1, 0) + number(1, std::numeric_limits<std::int64_t>::max()) +
               number(1, std::numeric_limits<std::int64_t>::max()));
  const std::string header = with_end(number(1, 3) + number(1, 6) + number(1, 6) + field(5, 12) + levels);
  CHECK(told_of(file_of(ParquetType::bytes, header, good, 1)).ends_with("levels of more bytes than the page"));
}

TEST_CASE("parquet: footers that lie, files that are cut short, bits that flip are errors") {
  const std::string good = documents_file();
  CHECK(read_all(good) > 20);
  CHECK(error_of([&] { ParquetFile(good.substr(0, good.size() - 1)); }).find("cut short") != std::string::npos);
  CHECK(error_of([] { ParquetFile("PAR1PAR1"); }) == "no Parquet file");
  std::string lies = good;
  std::memset(lies.data() + lies.size() - 8, 0x7f, 4);
  CHECK(error_of([&] { ParquetFile{lies}; }).starts_with("the footer claims 2139062143 bytes"));
  std::uint32_t state = 1;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good;
    for (int flips = 0; flips < 3; ++flips) {
      state = state * 1664525 + 1013904223;
      bytes[(state >> 8) % bytes.size()] ^= static_cast<char>(1 << ((state >> 3) % 8));
    }
    read_all(bytes);
  }
  for (std::size_t size = 0; size < good.size(); size += 7) read_all(good.substr(0, size) + good.substr(good.size() - 8));
  CHECK(error_of([] { unpack_snappy("\xff\xff\xff\xff\x0f", 4'000'000'000); }) == "damaged snappy block");
  CHECK(unpack_snappy("\x0b\x10hello\x09\x05", 11) == "hellohelloh");
}
