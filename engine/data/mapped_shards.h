// Token shards with a docmap each, written document by document: shard-00000.bin/.idx/.docmap, ..., and pack.json, as pack leaves
// them for pretrain.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/json.h"
#include "engine/data/token_shards.h"
#include "engine/steps/step_context.h"
#include "lineage/docmap.h"

namespace cairn::data {

// Where a document comes from, as its docmap tells.
struct MappedDocument {
  std::string source;
  lineage::DocmapParent parent;
  std::int64_t ordinal = 0;  // in the parent
  lineage::DocumentKey key{};
};

class MappedShardWriter {
 public:
  // Writes output `role` of the step: shards of at most `shard_tokens` (more for a single longer document), at least one.
  MappedShardWriter(steps::StepContext& ctx, std::string role, TokenType type, std::int64_t shard_tokens);
  void append(std::span<const TokenId> ids, const MappedDocument& document);
  void finish(std::int64_t vocab);  // required; facts of the output, postings of sources, pack.json

  std::int64_t documents() const { return documents_; }
  std::int64_t tokens() const { return tokens_; }

 private:
  std::string name() const;
  void open();
  void close();
  void post();

  steps::StepContext& ctx_;
  std::string role_;
  std::filesystem::path folder_;
  TokenType type_;
  std::int64_t shard_tokens_;
  std::optional<TokenShardWriter> shard_;
  lineage::DocmapWriter docmap_;
  steps::SourcePosting posting_;
  Json shards_ = Json::array();
  std::int64_t documents_ = 0, tokens_ = 0;
};

}  // namespace cairn::data
