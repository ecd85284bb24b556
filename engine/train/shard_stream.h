// The tokens of token-shard folders as one stream: inputs in their order, shards of a folder by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/data/token_shards.h"
#include "engine/train/loader.h"

namespace cairn::train {

class ShardStream : public TokenStream {
 public:
  // Opens and checks every shard. Reading throws Error on an id not in [0, vocab).
  ShardStream(const std::vector<std::filesystem::path>& folders, std::int64_t vocab);

  std::int64_t size() const override { return starts_.back(); }
  void read(std::int64_t begin, std::span<std::int32_t> out) const override;

  const std::vector<data::TokenShard>& shards() const { return shards_; }
  // The stream's token at which shard `index` begins.
  std::int64_t start_of(std::size_t index) const { return starts_[index]; }

 private:
  std::vector<data::TokenShard> shards_;
  std::vector<std::int64_t> starts_{0};  // one more than shards
  std::int64_t vocab_;
};

}  // namespace cairn::train
