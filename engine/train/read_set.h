// What a training reads, and when, by arithmetic: no log is kept of it (DESIGN.md §3, docs/format/permutation.md).
//
// Both ways cost a few permutations, for any step of any run, past or to come: step and row -> sample (the loader, `sample`), and
// tokens -> steps (`when`, `why`, `impact`; reading.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/train/curriculum.h"
#include "engine/train/data_order.h"
#include "engine/train/interleave.h"

namespace cairn::train {

// One data input of a training, or all of them as one where no stage weighs them.
struct DataSize {
  std::string name;
  std::int64_t tokens = 0;      // stored
  std::int64_t rows = 0;        // packed ahead of time into this many rows; 0 = cut from one stream of tokens
  std::int64_t row_length = 0;  // T of these rows

  // Tokens of the line that the order cuts into samples: packed row r stands at [r*T, (r+1)*T).
  std::int64_t line_tokens() const { return rows > 0 ? rows * row_length + 1 : tokens; }
};

// One sample that a step reads.
struct SampleRef {
  std::int64_t data = 0;   // index of the input
  std::int64_t token = 0;  // where it begins: of the input's stream, or of packed rows (row r at r*T)
};

// One row of one step.
struct ReadEvent {
  std::int64_t step = 0;  // from 1
  std::int64_t row = 0;   // from 0
  auto operator<=>(const ReadEvent&) const = default;
};

class ReadSet {
 public:
  // Error (usage) naming stage and input when an input cannot give what a stage asks of it.
  ReadSet(std::uint64_t seed, Curriculum curriculum, std::vector<DataSize> data);
  // One input, one stage.
  static ReadSet plain(std::uint64_t seed, std::int64_t tokens, std::int64_t sequence_length, std::int64_t batch,
                       std::int64_t steps);
  // From the facts that pretrain keeps with its output ("read_set"); Error naming what is missing.
  static ReadSet from_json(const Json& facts);
  Json to_json() const;

  std::uint64_t seed() const { return seed_; }
  const Curriculum& curriculum() const { return curriculum_; }
  const std::vector<DataSize>& data() const { return data_; }
  std::int64_t steps() const { return curriculum_.steps(); }

  // The sample at `position` of `stage`.
  SampleRef sample_at(std::int64_t stage, std::int64_t position) const;
  // How many samples of an input a stage reads.
  std::int64_t samples_of(std::int64_t stage, std::int64_t data) const;
  // How often the whole training reads an input: 1.5 is once and half of it again.
  double passes(std::int64_t data) const;

  // The earliest step, from 1, whose batch holds any token of the range, as input or as label; nothing when none was read.
  std::optional<std::int64_t> first_step(std::int64_t data, TokenRange tokens) const;
  // Every row that holds a token of the range, in order.
  std::vector<ReadEvent> events(std::int64_t data, TokenRange tokens) const;

 private:
  std::int64_t step_of(std::int64_t stage, Interleave::Turn turn, std::int64_t* row) const;

  std::uint64_t seed_;
  Curriculum curriculum_;
  std::vector<DataSize> data_;
  std::vector<Interleave> turns_;  // of each stage
  std::vector<DataOrder> orders_;  // of each input
};

}  // namespace cairn::train
