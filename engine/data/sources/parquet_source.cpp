#include "engine/data/sources/parquet_source.h"

#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/data/sources/parquet.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

struct Target {
  const char* column;
  std::string Document::*field;
};
constexpr Target kTargets[] = {{"text", &Document::text},           {"url", &Document::url},
                               {"source", &Document::source},       {"licence", &Document::licence},
                               {"license", &Document::licence},     {"language", &Document::language},
                               {"retrieved", &Document::retrieved}, {"date", &Document::retrieved}};

struct Wanted {
  std::size_t column;
  std::string Document::*field;
};

std::vector<Wanted> wanted_columns(const ParquetFile& file) {
  std::vector<Wanted> wanted;
  for (const Target& target : kTargets) {
    for (const std::string prefix : {"", "metadata."}) {
      const int column = file.column_named(prefix + target.column);
      if (column < 0) continue;
      const ParquetColumn& about = file.columns()[static_cast<std::size_t>(column)];
      if (about.type != ParquetType::bytes || about.max_repetition != 0) continue;
      wanted.push_back({static_cast<std::size_t>(column), target.field});
    }
  }
  if (wanted.empty() || wanted[0].field != &Document::text) fail("no column \"text\" that holds text");
  return wanted;
}

void read_group(const ParquetFile& file, std::size_t group, const std::vector<Wanted>& wanted, Intake& intake,
                std::int64_t& row) {
  std::vector<std::unique_ptr<ParquetColumnReader>> readers;
  for (const Wanted& column : wanted) readers.push_back(file.read(group, column.column));
  ParquetCell cell;
  for (std::int64_t left = file.rows_of(group); left > 0; --left, ++row) {
    Document document;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!readers[i]->next(cell)) fail("column {} ends {} rows early", file.columns()[wanted[i].column].path, left);
      std::string& field = document.*wanted[i].field;
      if (auto* text = std::get_if<std::string>(&cell.value); text != nullptr && field.empty()) field = text::utf8_lossy(*text);
    }
    if (!intake.passes_over()) intake.document(std::move(document));
  }
}

}  // namespace

void ParquetReader::read(std::string_view bytes, const std::string& name, Intake& intake) const {
  try {
    const ParquetFile file(bytes);
    const std::vector<Wanted> wanted = wanted_columns(file);
    for (std::size_t group = 0; group < file.row_groups(); ++group) {
      std::int64_t row = 0;
      std::string damage;
      try {
        read_group(file, group, wanted, intake, row);
      } catch (const Error& error) {
        damage = error.what();
      }
      if (!damage.empty()) {
        intake.damaged("row_group",
                       fmt::format("{}: row group {}: row {} of {}: {}", name, group, row, file.rows_of(group), damage));
      }
    }
  } catch (const Error& error) {
    throw named(error, name);
  }
}

}  // namespace cairn::data
