// What a training has read, and when, by arithmetic: no log is kept of it (DESIGN.md §3, docs/format/permutation.md).
//
// `why` and `impact` ask: which step first read this document; how many documents of a source were read at all (reading.h).
#pragma once

#include <cstdint>
#include <optional>

#include "base/json_fwd.h"
#include "engine/train/sample_order.h"

namespace cairn::train {

// Tokens [begin, end) of all shards of the run's data, one after another in the order of the inputs.
struct TokenRange {
  std::int64_t begin = 0, end = 0;
};

class ReadSet {
 public:
  // Positions [first, last) of the order of `samples` samples of `sequence_length` tokens, `batch` in a step.
  ReadSet(std::uint64_t seed, std::int64_t samples, std::int64_t sequence_length, std::int64_t batch, std::int64_t first,
          std::int64_t last);
  // From the facts that pretrain keeps with its output ("read_set"); Error naming what is missing.
  static ReadSet from_json(const Json& facts);
  Json to_json() const;

  std::int64_t steps() const { return (last_ - first_ + batch_ - 1) / batch_; }

  // The earliest step, from 1, whose batch holds any token of the range, as input or as label; nothing when none was read.
  std::optional<std::int64_t> first_step(TokenRange tokens) const;

 private:
  SampleOrder order_;
  std::uint64_t seed_;
  std::int64_t length_, batch_, first_, last_;
};

}  // namespace cairn::train
