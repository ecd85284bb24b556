// Read sets asked by document and by source, through the docmaps beside token shards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/data/row_index.h"
#include "engine/train/read_set.h"
#include "lineage/docmap.h"

namespace cairn::train {

// The docmaps of a training's inputs, each with the token of its input's stream at which its shard begins. `folders` are the
// inputs "data" of the run, in order; Error when a shard has no docmap, or one of another length.
struct MappedShard {
  std::int64_t data = 0;        // index of the input in the read set
  std::filesystem::path shard;  // without extension
  lineage::Docmap docmap;
  std::int64_t first_token = 0;
  std::optional<data::RowIndex> rows;  // where the input is packed into rows
  std::int64_t first_row = 0;
};
std::vector<MappedShard> map_shards(const ReadSet& read, const std::vector<std::filesystem::path>& folders);

// What a training read of a source, or of one document (which may have been packed more than once).
struct Reading {
  std::int64_t stored = 0;                 // documents
  std::int64_t read = 0;                   // of these, those of which at least one token was read
  std::optional<std::int64_t> first_step;  // from 1
};
Reading reading_of_source(const ReadSet& read, const std::vector<MappedShard>& shards, std::string_view source);
Reading reading_of_document(const ReadSet& read, const std::vector<MappedShard>& shards, std::string_view document_id);

// Every row of every step that read a token of a document, in order.
std::vector<ReadEvent> events_of_document(const ReadSet& read, const std::vector<MappedShard>& shards,
                                          std::string_view document_id);

// The other way: the documents that one sample holds tokens of, in the order in which they lie in it.
struct ReadDocument {
  std::size_t shard = 0;  // index in `shards`
  lineage::DocmapDocument document;
  std::int64_t offset = 0;  // in the document: its first token in the sample
  std::int64_t tokens = 0;  // in the sample
};
std::vector<ReadDocument> documents_of_sample(const std::vector<MappedShard>& shards, SampleRef sample,
                                              std::int64_t sequence_length);

}  // namespace cairn::train
