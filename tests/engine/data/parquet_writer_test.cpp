#include "engine/data/parquet_writer.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/sources/thrift_compact.h"
#include "lineage/docmap.h"
#include "tests/support/decisions_file.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace cairn::data {
extern const steps::StepSpec kExportDocuments;
}

namespace {

using Type = ParquetField::Type;
using Row = std::vector<ParquetValue>;

const std::vector<ParquetField> kFields = {{"id"},
                                           {"note", Type::text, true},
                                           {"kind"},
                                           {"n", Type::int64},
                                           {"m", Type::int64, true},
                                           {"x", Type::float64, true},
                                           {"y", Type::float64},
                                           {"flag", Type::boolean},
                                           {"maybe", Type::boolean, true}};

// As make_parquet_rows() of tests/golden/parquet/check_written.py makes them.
Row row_of(std::int64_t i) {
  Row row;
  row.push_back(fmt::format("row {}", i));
  row.push_back(i % 3 == 0 ? ParquetValue() : ParquetValue(std::string(static_cast<std::size_t>(i % 50), 'x') + "ü"));
  row.push_back(fmt::format("kind {}", i / 10 % 5));
  row.push_back(i * 1'000'000'007 - 5);
  row.push_back(i < 100 ? ParquetValue() : ParquetValue(-i));
  row.push_back(i % 7 == 2 ? ParquetValue() : ParquetValue(static_cast<double>(i) / 8));
  row.push_back(i % 2 == 0 ? -0.0 : 1e300);
  row.push_back(i % 3 == 1);
  row.push_back(i % 4 == 0 ? ParquetValue() : ParquetValue(i % 8 == 1));
  return row;
}

std::string written(std::int64_t rows, ParquetOptions options, const std::vector<ParquetField>& fields = kFields,
                    Row (*make)(std::int64_t) = row_of) {
  TemporaryFolder folder;
  ParquetWriter writer(real_disk().create(folder.path() / "f"), fields, options);
  for (std::int64_t i = 0; i < rows; ++i) writer.append(make(i));
  writer.finish();
  const std::string bytes = read_file(folder.path() / "f");
  CHECK(bytes.size() == writer.bytes());
  CHECK(writer.rows() == rows);
  return bytes;
}

void check_rows(const std::string& bytes, std::int64_t rows) {
  const ParquetFile file(bytes);
  REQUIRE(file.rows() == rows);
  REQUIRE(file.columns().size() == kFields.size());
  for (std::size_t column = 0; column < kFields.size(); ++column) {
    CHECK(file.columns()[column].path == kFields[column].name);
    std::int64_t row = 0, wrong = 0;
    for (std::size_t group = 0; group < file.row_groups(); ++group) {
      const auto reader = file.read(group, column);
      const std::int64_t first = row;
      for (ParquetCell cell; reader->next(cell); ++row) wrong += !(cell.value == row_of(row)[column]);
      CHECK(row - first == file.rows_of(group));
    }
    CHECK(row == rows);
    CHECK_MESSAGE(wrong == 0, kFields[column].name);
  }
}

ThriftValue footer_of(std::string_view bytes) {
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + bytes.size() - 8, 4);
  std::size_t used = 0;
  return parse_thrift_compact(bytes.substr(bytes.size() - 8 - length, length), used, 1'000'000);
}

// Counts what is written, and keeps its end.
struct Counting : DiskFile {
  explicit Counting(std::string& end) : end(end) {}
  void write(std::string_view bytes) override { end = bytes.size() < 1'000'000 ? std::string(bytes) : std::string(); }
  void sync() override {}
  void close() override {}
  std::string& end;
};

}  // namespace

TEST_CASE("parquet writer: what is written reads back, with nulls, in pages and row groups of any size") {
  for (const std::int64_t rows : {0, 1, 7, 8, 9, 1000, 5000}) {
    for (const ParquetOptions& options : {ParquetOptions{}, ParquetOptions{20'000, 500, true}, ParquetOptions{1, 1, false},
                                          ParquetOptions{100'000, 1'000'000, false}}) {
      if (rows == 5000 && options.page_bytes == 1) continue;
      INFO(rows << " rows, groups of " << options.row_group_bytes);
      const std::string bytes = written(rows, options);
      check_rows(bytes, rows);
      CHECK(bytes == written(rows, options));
      const std::size_t groups = ParquetFile(bytes).row_groups();
      CHECK((rows == 0 ? groups == 0 : options.row_group_bytes == 1 ? groups == static_cast<std::size_t>(rows) : groups >= 1));
    }
  }
  CHECK(ParquetFile(written(5000, {20'000, 500, true})).row_groups() > 10);
}

TEST_CASE("parquet writer: repeated texts go into a dictionary, statistics bound the values") {
  const std::string bytes = written(1000, {});
  const ThriftValue footer = footer_of(bytes);
  const std::vector<ThriftValue>& chunks = footer.field(4).list().at(0).field(1).list();
  const auto about = [&](int column) -> const ThriftValue& { return chunks.at(static_cast<std::size_t>(column)).field(3); };
  CHECK(about(2).has(11));
  CHECK_FALSE(about(0).has(11));
  CHECK(about(0).field(12).field(6).bytes() == "row 0");
  CHECK(about(0).field(12).field(5).bytes() == "row 999");
  CHECK(about(1).field(12).field(3).number() == 334);
  CHECK(about(4).field(12).field(3).number() == 100);
  std::int64_t number = 0;
  std::memcpy(&number, about(4).field(12).field(6).bytes().data(), 8);
  CHECK(number == -999);
  double real = 1;
  std::memcpy(&real, about(6).field(12).field(6).bytes().data(), 8);
  CHECK((real == 0 && std::signbit(real)));
}

TEST_CASE("parquet writer: no bounds where a value is no number or a text is long") {
  const std::vector<ParquetField> fields = {{"x", Type::float64}, {"t"}};
  const std::string bytes = written(5, {}, fields, [](std::int64_t i) -> Row {
    return {i == 3 ? std::numeric_limits<double>::quiet_NaN() : 1.0, std::string(static_cast<std::size_t>(i) * 30, 'a')};
  });
  const std::vector<ThriftValue> chunks = footer_of(bytes).field(4).list().at(0).field(1).list();
  CHECK_FALSE(chunks[0].field(3).field(12).has(5));
  CHECK_FALSE(chunks[0].field(3).field(12).has(6));
  CHECK_FALSE(chunks[1].field(3).field(12).has(5));
  CHECK(chunks[1].field(3).field(12).has(6));
  CHECK(chunks[1].field(3).field(12).field(6).bytes().empty());
}

TEST_CASE("parquet writer: offsets and sizes beyond 2^31 are right") {
  std::string end;
  ParquetWriter writer(std::make_unique<Counting>(end), {{"t"}}, {250'000'000, 50'000'000, false});
  const Row row = {std::string(49'000'000, 'a')};
  for (int i = 0; i < 46; ++i) writer.append(row);
  writer.finish();
  const ThriftValue footer = footer_of(end);
  const std::vector<ThriftValue>& groups = footer.field(4).list();
  REQUIRE(groups.size() == 10);
  std::int64_t at = 4;
  for (const ThriftValue& group : groups) {
    CHECK(group.field(5).number() == at);
    CHECK(group.field(1).list().at(0).field(3).field(9).number() == at);
    at += group.field(6).number();
  }
  CHECK(groups.back().field(5).number() > std::int64_t{1} << 31);
  CHECK(writer.bytes() == static_cast<std::uint64_t>(at) + end.size());
}

TEST_CASE("parquet writer: what does not fit is named") {
  TemporaryFolder folder;
  const auto writer = [&](std::vector<ParquetField> fields) {
    fs::remove(folder.path() / "f");
    return ParquetWriter(real_disk().create(folder.path() / "f"), std::move(fields));
  };
  CHECK(error_of([&] { writer({}); }) == "a Parquet file needs a column");
  CHECK(error_of([&] { writer({{"a"}, {"a"}}); }) == "two Parquet columns are called 'a'");
  CHECK(error_of([&] { writer({{"a"}}).append({std::int64_t{3}}); }) == "row 0: column 'a': a value of another type");
  CHECK(error_of([&] { writer({{"a"}}).append({ParquetValue()}); }) == "row 0: column 'a': null where a value is needed");
  CHECK(error_of([&] { writer({{"a"}}).append({std::string("\xff")}); }) == "row 0: column 'a': not UTF-8");
  CHECK(error_of([&] { writer({{"a"}}).append({}); }) == "row 0: 0 values for 1 columns");
  CHECK(error_of([&] { writer({{"a"}}).append({std::string(kMaxPage, 'a')}); }).find("too many for one value") !=
        std::string::npos);
}

TEST_CASE("parquet writer: pyarrow and DuckDB read the same values") {
  const char* python = std::getenv("CAIRN_PYTHON");
  if (python == nullptr) SKIP_TEST("CAIRN_PYTHON names a Python with pyarrow");
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "groups.parquet", written(5000, {20'000, 500, true}));
  write_file_atomically(folder.path() / "whole.parquet", written(5000, {}));
  write_file_atomically(folder.path() / "plain.parquet", written(1000, {1'000'000, 100, false}));
  write_file_atomically(folder.path() / "empty.parquet", written(0, {}));
  const std::string command = fmt::format("'{}' '{}/tests/golden/parquet/check_written.py' '{}'", python,
                                          test::source_folder().string(), folder.path().string());
  CHECK(std::system(command.c_str()) == 0);
}

TEST_CASE("export-documents: documents with scores and decisions, and a table of all decisions") {
  TemporaryFolder folder;
  std::vector<Decision> decisions;
  DocumentWriter documents(real_disk(), folder.path() / "in");
  for (int i = 0; i < 6; ++i) {
    Document d{document_id(fmt::format("text {}", i)), fmt::format("text {}", i), "s", fmt::format("u{}", i), "MIT", "en", ""};
    if (i % 2 == 0) d.scores = {{"quality", 0.25 * i}};
    Decision decision;
    decision.id = lineage::document_digest(d.id);
    decision.url = d.url;
    decision.source = "s";
    decision.language = "en";
    if (i == 5) {
      decision.verdict = Verdict::dropped;
      decision.filter = "pii";
      decision.rule = "r";
    } else {
      decision.edited = i == 1;
      decision.reason = i == 1 ? "pii: 1 e-mail address" : "";
      if (i < 4) documents.append(d);
    }
    if (i != 0) decisions.push_back(decision);
  }
  documents.finish();
  write_file_atomically(folder.path() / "decisions", cairn::test::decisions_file(decisions));
  for (const bool decided : {false, true}) {
    StepRun run(kExportDocuments);
    run.input("documents", folder.path() / "in");
    if (decided) run.input("decisions", folder.path() / "decisions");
    run.run();
    const std::string bytes = read_file(run.output("table") / "documents-00000.parquet");
    const ParquetFile file(bytes);
    CHECK(file.rows() == 4);
    const auto values = [](const ParquetFile& of, const char* name) {
      std::vector<ParquetValue> all;
      const auto reader = of.read(0, static_cast<std::size_t>(of.column_named(name)));
      for (ParquetCell cell; reader->next(cell);) all.push_back(cell.value);
      return all;
    };
    CHECK(values(file, "text") == std::vector<ParquetValue>{"text 0", "text 1", "text 2", "text 3"});
    CHECK(values(file, "quality_score") == std::vector<ParquetValue>{0.0, {}, 0.5, {}});
    CHECK((file.column_named("verdict") >= 0) == decided);
    CHECK(fs::exists(run.output("table") / "decisions-00000.parquet") == decided);
    if (!decided) continue;
    CHECK(values(file, "verdict") == std::vector<ParquetValue>{{}, "kept", "kept", "kept"});
    CHECK(values(file, "edits") == std::vector<ParquetValue>{{}, "pii: 1 e-mail address", {}, {}});
    const std::string table = read_file(run.output("table") / "decisions-00000.parquet");
    CHECK(ParquetFile(table).rows() == 5);
    int dropped = 0;
    for (const ParquetValue& value : values(ParquetFile(table), "filter")) dropped += value == ParquetValue("pii");
    CHECK(dropped == 1);
  }
}
