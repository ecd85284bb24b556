#include "engine/train/reading.h"

#include <algorithm>

#include "base/error.h"
#include "engine/data/token_shards.h"
#include "engine/train/data_inputs.h"

namespace cairn::train {

namespace {

void add_document(Reading& reading, const ReadSet& read, const MappedShard& shard, const lineage::DocmapDocument& document) {
  const std::int64_t begin = shard.first_token + document.first_token;
  ++reading.stored;
  const std::optional<std::int64_t> step = read.first_step(shard.data, {begin, begin + document.tokens});
  if (!step) return;
  ++reading.read;
  reading.first_step = std::min(reading.first_step.value_or(*step), *step);
}

}  // namespace

std::vector<MappedShard> map_shards(const ReadSet& read, const std::vector<std::filesystem::path>& folders) {
  std::vector<MappedShard> mapped;
  const auto inputs = folders_by_input(read.data().size(), folders);
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    std::int64_t first_token = 0;
    for (const std::filesystem::path& folder : inputs[input]) {
      for (const std::filesystem::path& stem : data::list_token_shards(folder)) {
        const std::filesystem::path path = stem.string() + ".docmap";
        const std::int64_t tokens = data::TokenShard::open(stem).tokens();
        mapped.push_back({static_cast<std::int64_t>(input), stem, lineage::Docmap::open(path), first_token});
        if (mapped.back().docmap.tokens() != tokens) {
          fail("{}: maps {} tokens, its shard holds {}", path.string(), mapped.back().docmap.tokens(), tokens);
        }
        first_token += tokens;
      }
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

std::vector<ReadDocument> documents_of_sample(const std::vector<MappedShard>& shards, SampleRef sample,
                                              std::int64_t sequence_length) {
  const std::int64_t begin = sample.token, end = begin + sequence_length + 1;
  std::vector<ReadDocument> documents;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const MappedShard& shard = shards[i];
    if (shard.data != sample.data) continue;
    const std::int64_t first = std::max<std::int64_t>(begin - shard.first_token, 0);
    const std::int64_t last = std::min(end - shard.first_token, shard.docmap.tokens());
    for (std::int64_t token = first; token < last;) {
      documents.push_back({i, shard.docmap.document_at(token)});
      token = documents.back().document.first_token + documents.back().document.tokens;
    }
  }
  return documents;
}

}  // namespace cairn::train
