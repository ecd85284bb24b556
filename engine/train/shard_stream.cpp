#include "engine/train/shard_stream.h"

#include <algorithm>

namespace cairn::train {

ShardStream::ShardStream(const std::vector<std::filesystem::path>& folders, std::int64_t vocab) : vocab_(vocab) {
  for (const std::filesystem::path& folder : folders) {
    for (const std::filesystem::path& stem : data::list_token_shards(folder)) {
      shards_.push_back(data::TokenShard::open(stem));
      starts_.push_back(starts_.back() + shards_.back().tokens());
    }
  }
}

void ShardStream::read(std::int64_t begin, std::span<std::int32_t> out) const {
  auto shard = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin()) - 1;
  while (!out.empty()) {
    const std::int64_t here = std::min<std::int64_t>(starts_[shard + 1] - begin, static_cast<std::int64_t>(out.size()));
    shards_[shard].read(begin - starts_[shard], out.first(static_cast<std::size_t>(here)), vocab_);
    out = out.subspan(static_cast<std::size_t>(here));
    begin += here;
    ++shard;
  }
}

}  // namespace cairn::train
