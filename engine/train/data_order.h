// The order in which one data input is read through all stages of a training, also when samples change their length: within an
// epoch no token is read twice, and a stage goes on where the one before stopped (docs/format/permutation.md).
//
// Tokens are laid out in blocks as long as the longest samples (the least common multiple of all lengths), so that each length
// cuts blocks evenly. An epoch reads the blocks in the order of a keyed permutation and last the rest that fills no block; a
// stage takes the next tokens of that line, cuts them into samples of its length, and shuffles these among themselves, epoch by
// epoch. Where all stages have one length, blocks are samples and nothing more is shuffled.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/train/sample_order.h"

namespace cairn::train {

// Tokens [begin, end) of a data input, all its shards one after another.
struct TokenRange {
  std::int64_t begin = 0, end = 0;
};

class DataOrder {
 public:
  struct Share {  // what a stage reads of this input
    std::int64_t sequence_length = 1;
    std::int64_t samples = 0;
  };
  // How far the line is read: `token` tokens into `epoch`.
  struct Cursor {
    std::int64_t epoch = 0, token = 0;
  };

  // Error (usage) when `tokens` are too few for one sample of a stage that reads any.
  DataOrder(std::uint64_t seed, std::int64_t tokens, std::vector<Share> stages);

  // First token of the sample that is the input's `rank`-th in `stage`; it holds T + 1 tokens from there.
  std::int64_t token_at(std::int64_t stage, std::int64_t rank) const;
  // Ranks of the samples in `stage` that hold a token of the range, as input or as label; ascending.
  std::vector<std::int64_t> ranks_of(std::int64_t stage, TokenRange range) const;
  std::optional<std::int64_t> first_rank_of(std::int64_t stage, TokenRange range) const;

  // Where `stage` begins, before it passes over what is left between this place and the next whole sample of its length; with
  // the number of stages, where the training ends.
  Cursor cursor(std::int64_t stage) const { return cursors_[static_cast<std::size_t>(stage)]; }
  std::int64_t epoch_tokens() const { return line_; }  // that can be read in one epoch

 private:
  // A stage's samples of one epoch lie together in its order: [begin, begin + count), samples `first`.. of the epoch's line.
  struct Segment {
    std::int64_t epoch, index, begin, count, first;
  };
  Segment segment_of_rank(std::size_t stage, std::int64_t rank) const;
  std::optional<Segment> segment_of_epoch(std::size_t stage, std::int64_t epoch) const;
  std::int64_t shuffled(std::size_t stage, const Segment& segment, std::int64_t place) const;
  std::int64_t unshuffled(std::size_t stage, const Segment& segment, std::int64_t place) const;
  std::int64_t place_of(std::size_t stage, std::int64_t epoch, std::int64_t sample) const;
  std::int64_t last_epoch(std::size_t stage) const;
  std::uint64_t shuffle_name(std::size_t stage, const Segment& segment) const;

  std::uint64_t seed_;
  std::vector<Share> stages_;
  std::vector<std::int64_t> in_epoch_;  // samples of each stage's length that an epoch holds
  std::vector<Cursor> cursors_;         // one more than stages
  std::vector<Cursor> starts_;          // of each stage, in samples of its length
  std::int64_t block_ = 1;              // tokens in a block
  std::int64_t blocks_ = 0;
  std::int64_t line_ = 0;
  bool one_length_ = true;
  std::optional<SampleOrder> order_;  // of blocks
};

}  // namespace cairn::train
