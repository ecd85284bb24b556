#include "engine/train/reading.h"

#include <algorithm>

#include "base/error.h"
#include "engine/data/token_shards.h"
#include "engine/train/data_inputs.h"

namespace cairn::train {

namespace {

// Where in its input's line a document stands: one range of a stream, or the rows that hold pieces of it.
std::vector<TokenRange> ranges_of(const ReadSet& read, const MappedShard& shard, const lineage::DocmapDocument& document) {
  if (document.tokens == 0) return {};
  const std::int64_t end = document.first_token + document.tokens;
  if (!shard.rows) return {{shard.first_token + document.first_token, shard.first_token + end}};
  const std::int64_t T = read.data()[static_cast<std::size_t>(shard.data)].row_length;
  std::vector<TokenRange> ranges;
  for (const std::int64_t row : shard.rows->rows_of(document.first_token, end)) {
    const std::int64_t inside = (shard.first_row + row) * T + 1;  // a token of this row and no label of the row before
    ranges.push_back({inside, inside + 1});
  }
  return ranges;
}

void add_document(Reading& reading, const ReadSet& read, const MappedShard& shard, const lineage::DocmapDocument& document) {
  ++reading.stored;
  std::optional<std::int64_t> first;
  for (const TokenRange& range : ranges_of(read, shard, document)) {
    const std::optional<std::int64_t> step = read.first_step(shard.data, range);
    if (step) first = std::min(first.value_or(*step), *step);
  }
  if (!first) return;
  ++reading.read;
  reading.first_step = std::min(reading.first_step.value_or(*first), *first);
}

// Documents of tokens [first, last) of a shard.
void add_documents(std::vector<ReadDocument>& documents, std::size_t index, const MappedShard& shard, std::int64_t first,
                   std::int64_t last) {
  for (std::int64_t token = first; token < last;) {
    const lineage::DocmapDocument document = shard.docmap.document_at(token);
    const std::int64_t end = std::min(last, document.first_token + document.tokens);
    documents.push_back({index, document, token - document.first_token, end - token});
    token = end;
  }
}

}  // namespace

std::vector<MappedShard> map_shards(const ReadSet& read, const std::vector<std::filesystem::path>& folders) {
  std::vector<MappedShard> mapped;
  const auto inputs = folders_by_input(read.data().size(), folders);
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    std::int64_t first_token = 0, first_row = 0;
    const bool packed = read.data()[input].rows > 0;
    for (const std::filesystem::path& folder : inputs[input]) {
      for (const std::filesystem::path& stem : data::list_token_shards(folder)) {
        const std::filesystem::path path = stem.string() + ".docmap";
        const std::int64_t tokens = data::TokenShard::open(stem).tokens();
        mapped.push_back(
            {static_cast<std::int64_t>(input), stem, lineage::Docmap::open(path), first_token, std::nullopt, first_row});
        if (packed) {
          mapped.back().rows = data::RowIndex::open(stem.string() + ".rows");
          first_row += mapped.back().rows->rows();
        }
        if (mapped.back().docmap.tokens() != tokens) {
          fail("{}: maps {} tokens, its shard holds {}", path.string(), mapped.back().docmap.tokens(), tokens);
        }
        first_token += tokens;
      }
    }
    if (first_row != read.data()[input].rows) {
      fail("data input '{}' holds {} rows, the training read {}", read.data()[input].name, first_row, read.data()[input].rows);
    }
    if (first_token != read.data()[input].tokens) {
      fail("data input '{}' holds {} tokens, the training read {}", read.data()[input].name, first_token,
           read.data()[input].tokens);
    }
  }
  return mapped;
}

Reading reading_of_source(const ReadSet& read, const std::vector<MappedShard>& shards, std::string_view source) {
  Reading reading;
  for (const MappedShard& shard : shards) {
    const std::optional<std::uint32_t> index = shard.docmap.source(source);
    if (!index) continue;
    for (const lineage::DocmapDocument& document : shard.docmap.documents_of(*index))
      add_document(reading, read, shard, document);
  }
  return reading;
}

Reading reading_of_document(const ReadSet& read, const std::vector<MappedShard>& shards, std::string_view document_id) {
  Reading reading;
  const lineage::DocumentKey key = lineage::document_key(document_id);
  for (const MappedShard& shard : shards) {
    for (const lineage::DocmapDocument& document : shard.docmap.find(key)) add_document(reading, read, shard, document);
  }
  return reading;
}

std::vector<ReadEvent> events_of_document(const ReadSet& read, const std::vector<MappedShard>& shards,
                                          std::string_view document_id) {
  std::vector<ReadEvent> events;
  const lineage::DocumentKey key = lineage::document_key(document_id);
  for (const MappedShard& shard : shards) {
    for (const lineage::DocmapDocument& document : shard.docmap.find(key)) {
      for (const TokenRange& range : ranges_of(read, shard, document)) {
        const std::vector<ReadEvent> more = read.events(shard.data, range);
        events.insert(events.end(), more.begin(), more.end());
      }
    }
  }
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());
  return events;
}

std::vector<ReadDocument> documents_of_sample(const std::vector<MappedShard>& shards, SampleRef sample,
                                              std::int64_t sequence_length) {
  std::vector<ReadDocument> documents;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const MappedShard& shard = shards[i];
    if (shard.data != sample.data) continue;
    if (!shard.rows) {
      const std::int64_t begin = sample.token - shard.first_token, end = begin + sequence_length + 1;
      add_documents(documents, i, shard, std::max<std::int64_t>(begin, 0), std::min(end, shard.docmap.tokens()));
      continue;
    }
    const std::int64_t row = sample.token / sequence_length - shard.first_row;
    if (row < 0 || row >= shard.rows->rows()) continue;
    std::vector<data::Piece> pieces;
    shard.rows->pieces(row, pieces);
    for (const data::Piece& piece : pieces) add_documents(documents, i, shard, piece.first, piece.first + piece.tokens);
  }
  return documents;
}

}  // namespace cairn::train
