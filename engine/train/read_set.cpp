#include "engine/train/read_set.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/train/seed_text.h"

namespace cairn::train {

ReadSet::ReadSet(std::uint64_t seed, std::int64_t samples, std::int64_t sequence_length, std::int64_t batch, std::int64_t first,
                 std::int64_t last)
    : order_(seed, samples), seed_(seed), length_(sequence_length), batch_(batch), first_(first), last_(last) {
  if (sequence_length < 1 || batch < 1 || first < 0 || last < first) {
    fail("read set: sequence_length {}, batch {}, positions {}..{} do not fit together", sequence_length, batch, first, last);
  }
}

ReadSet ReadSet::from_json(const Json& facts) {
  static const Schema schema = object({
      field("seed", string(), "key of the order, decimal"),
      field("samples", integer().min(1), "in one epoch"),
      field("sequence_length", integer().min(1), "tokens in a sample"),
      field("batch", integer().min(1), "samples in a step"),
      field("first_position", integer().min(0), "first position read"),
      field("last_position", integer().min(0), "one past the last position read"),
  });
  const Config config(schema.complete(facts, "read_set"), "read_set");
  return ReadSet(parse_seed(config.string("seed")), config.integer("samples"), config.integer("sequence_length"),
                 config.integer("batch"), config.integer("first_position"), config.integer("last_position"));
}

Json ReadSet::to_json() const {
  return {{"seed", seed_text(seed_)}, {"samples", order_.samples()}, {"sequence_length", length_},
          {"batch", batch_},          {"first_position", first_},    {"last_position", last_}};
}

std::optional<std::int64_t> ReadSet::first_step(TokenRange tokens) const {
  if (tokens.end <= tokens.begin || last_ <= first_) return std::nullopt;
  // Sample i covers tokens [i*T, i*T + T]; the last sample of the data ends before tokens that fill no sample.
  const std::int64_t first_sample = std::max<std::int64_t>(0, (tokens.begin - 1) / length_);
  const std::int64_t last_sample = std::min(order_.samples() - 1, (tokens.end - 1) / length_);
  const std::int64_t first_epoch = first_ / order_.samples(), last_epoch = (last_ - 1) / order_.samples();
  for (std::int64_t epoch = first_epoch; epoch <= last_epoch; ++epoch) {
    std::int64_t earliest = last_;
    for (std::int64_t sample = first_sample; sample <= last_sample; ++sample) {
      const std::int64_t position = order_.position_of(sample, epoch);
      if (position >= first_) earliest = std::min(earliest, position);
    }
    if (earliest < last_) return (earliest - first_) / batch_ + 1;
  }
  return std::nullopt;
}

}  // namespace cairn::train
