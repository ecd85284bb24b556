// Token-shard folders whose documents were packed into rows ahead of time (`pack` with "packing": "best_fit"), as one input.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/data/row_index.h"
#include "engine/train/shard_stream.h"

namespace cairn::train {

// Whether the shards of a folder have indices of rows; Error when only some have.
bool has_rows(const std::filesystem::path& folder);

class RowStream : public SampleSource {
 public:
  // Opens and checks every shard and its rows. Error (usage) when folders have rows of different lengths.
  RowStream(const std::vector<std::filesystem::path>& folders, std::int64_t vocab);

  std::int64_t rows() const { return starts_.back(); }
  std::int64_t row_length() const { return row_length_; }
  std::int64_t tokens() const { return tokens_.size(); }  // stored
  // Row `token` / T. Error on another T than that of the rows, and on an id not in [0, vocab).
  void sample(std::int64_t token, std::int64_t T, Window& out) const override;

 private:
  ShardStream tokens_;
  std::vector<data::RowIndex> rows_;     // of each shard
  std::vector<std::int64_t> starts_{0};  // one more than shards: rows before
  std::int64_t row_length_ = 0;
};

}  // namespace cairn::train
