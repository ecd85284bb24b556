#include "engine/train/data_order.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace cairn::train {

namespace {

// Sets the shuffle within a stage apart from the order of blocks: added to the seed.
constexpr std::uint64_t kShuffleKey = 0x7374616765000000;  // the ASCII letters "stage"

std::int64_t common_multiple(std::int64_t a, std::int64_t b, std::int64_t most) {
  const std::int64_t factor = b / std::gcd(a, b);
  return a > most / factor ? most + 1 : a * factor;
}

}  // namespace

DataOrder::DataOrder(std::uint64_t seed, std::int64_t tokens, std::vector<Share> stages)
    : seed_(seed), stages_(std::move(stages)) {
  std::int64_t unit = 0, block = 1;  // greatest common divisor and least common multiple of the lengths
  for (const Share& stage : stages_) {
    if (stage.samples == 0) continue;
    if (tokens <= stage.sequence_length) {
      fail_usage("the data hold {} tokens, and one sample of sequence_length {} needs {}", tokens, stage.sequence_length,
                 stage.sequence_length + 1);
    }
    one_length_ = one_length_ && (unit == 0 || unit == stage.sequence_length);
    unit = std::gcd(unit, stage.sequence_length);
    block = common_multiple(std::min(block, tokens), stage.sequence_length, tokens);
  }
  if (unit > 0) {
    block_ = block;
    blocks_ = (tokens - 1) / block;
    line_ = blocks_ * block + ((tokens - 1) - blocks_ * block) / unit * unit;
    if (blocks_ > 0) order_.emplace(seed, blocks_);
  }
  cursors_.emplace_back();
  for (const Share& stage : stages_) {
    const Cursor from = cursors_.back();
    const std::int64_t T = stage.sequence_length, all = line_ / T;
    in_epoch_.push_back(all);
    starts_.push_back(from);
    if (stage.samples == 0) {
      cursors_.push_back(from);
      continue;
    }
    Cursor& start = starts_.back();
    start.token = (from.token + T - 1) / T;  // whole samples of this length from here on
    if (start.token >= all) start = {from.epoch + 1, 0};
    const std::int64_t end = start.token + stage.samples;
    cursors_.push_back({start.epoch + end / all, end % all * T});
  }
}

std::int64_t DataOrder::last_epoch(std::size_t stage) const {
  return starts_[stage].epoch + (starts_[stage].token + stages_[stage].samples - 1) / in_epoch_[stage];
}

DataOrder::Segment DataOrder::segment_of_rank(std::size_t stage, std::int64_t rank) const {
  return *segment_of_epoch(stage, starts_[stage].epoch + (starts_[stage].token + rank) / in_epoch_[stage]);
}

std::optional<DataOrder::Segment> DataOrder::segment_of_epoch(std::size_t stage, std::int64_t epoch) const {
  const Cursor start = starts_[stage];
  const std::int64_t all = in_epoch_[stage], count = stages_[stage].samples;
  if (count == 0 || epoch < start.epoch || epoch > last_epoch(stage)) return std::nullopt;
  const std::int64_t index = epoch - start.epoch;
  const std::int64_t first = index == 0 ? start.token : 0, begin = index == 0 ? 0 : index * all - start.token;
  return Segment{epoch, index, begin, std::min(all - first, count - begin), first};
}

std::uint64_t DataOrder::shuffle_name(std::size_t stage, const Segment& segment) const {
  return static_cast<std::uint64_t>(stage) << 48 | static_cast<std::uint64_t>(segment.index);
}

std::int64_t DataOrder::shuffled(std::size_t stage, const Segment& segment, std::int64_t place) const {
  if (one_length_) return place;
  return SampleOrder(seed_ + kShuffleKey, segment.count).sample_in(shuffle_name(stage, segment), place);
}

std::int64_t DataOrder::unshuffled(std::size_t stage, const Segment& segment, std::int64_t place) const {
  if (one_length_) return place;
  return SampleOrder(seed_ + kShuffleKey, segment.count).place_in(shuffle_name(stage, segment), place);
}

std::int64_t DataOrder::token_at(std::int64_t stage, std::int64_t rank) const {
  const auto s = static_cast<std::size_t>(stage);
  if (rank < 0 || rank >= stages_[s].samples) fail("stage {} reads no sample {} of this input", stage, rank);
  const Segment segment = segment_of_rank(s, rank);
  const std::int64_t place = segment.first + shuffled(s, segment, rank - segment.begin);
  const std::int64_t token = place * stages_[s].sequence_length;  // of the line
  if (token >= blocks_ * block_) return token;
  return order_->sample_in(static_cast<std::uint64_t>(segment.epoch), token / block_) * block_ + token % block_;
}

// Where on the line of an epoch, in samples, the `sample`-th of the data stands.
std::int64_t DataOrder::place_of(std::size_t stage, std::int64_t epoch, std::int64_t sample) const {
  const std::int64_t T = stages_[stage].sequence_length, token = sample * T;
  if (token >= blocks_ * block_) return sample;
  return (order_->place_in(static_cast<std::uint64_t>(epoch), token / block_) * block_ + token % block_) / T;
}

std::vector<std::int64_t> DataOrder::ranks_of(std::int64_t stage, TokenRange range) const {
  const auto s = static_cast<std::size_t>(stage);
  std::vector<std::int64_t> ranks;
  if (stages_[s].samples == 0 || range.end <= range.begin) return ranks;
  // Sample i covers tokens [i*T, i*T + T]; what fills no sample is covered by none.
  const std::int64_t T = stages_[s].sequence_length;
  const std::int64_t first = std::max<std::int64_t>(0, (range.begin - 1) / T);
  const std::int64_t last = std::min(in_epoch_[s] - 1, (range.end - 1) / T);
  for (std::int64_t epoch = starts_[s].epoch; epoch <= last_epoch(s); ++epoch) {
    const Segment segment = *segment_of_epoch(s, epoch);
    for (std::int64_t sample = first; sample <= last; ++sample) {
      const std::int64_t place = place_of(s, epoch, sample) - segment.first;
      if (place >= 0 && place < segment.count) ranks.push_back(segment.begin + unshuffled(s, segment, place));
    }
  }
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

std::optional<std::int64_t> DataOrder::first_rank_of(std::int64_t stage, TokenRange range) const {
  const auto s = static_cast<std::size_t>(stage);
  if (stages_[s].samples == 0 || range.end <= range.begin) return std::nullopt;
  const std::int64_t T = stages_[s].sequence_length;
  const std::int64_t first = std::max<std::int64_t>(0, (range.begin - 1) / T);
  const std::int64_t last = std::min(in_epoch_[s] - 1, (range.end - 1) / T);
  for (std::int64_t epoch = starts_[s].epoch; epoch <= last_epoch(s); ++epoch) {
    const Segment segment = *segment_of_epoch(s, epoch);
    std::optional<std::int64_t> earliest;
    for (std::int64_t sample = first; sample <= last; ++sample) {
      const std::int64_t place = place_of(s, epoch, sample) - segment.first;
      if (place < 0 || place >= segment.count) continue;
      const std::int64_t rank = segment.begin + unshuffled(s, segment, place);
      earliest = std::min(earliest.value_or(rank), rank);
    }
    if (earliest) return earliest;
  }
  return std::nullopt;
}

}  // namespace cairn::train
