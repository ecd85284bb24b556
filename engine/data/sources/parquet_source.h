// Parquet files of documents: a row each, as datatrove and the data sets on the Hugging Face hub have them.
#pragma once

#include "engine/data/sources/source_reader.h"

namespace cairn::data {

// The column "text" is wanted; of the others, at the top or inside "metadata", url, source, licence (license), language and
// retrieved (date) are taken where they hold text. A row whose text is null has none. Damaged: "row_group", once for each
// that cannot be read to its end; its rows before that stay.
class ParquetReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, Intake& intake) const override;
};

}  // namespace cairn::data
