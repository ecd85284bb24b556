#include "engine/train/read_set.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/train/seed_text.h"

namespace cairn::train {

namespace {

// Each input has a key of its own, so that inputs of one size are not read in one order; the first has the run's seed.
constexpr std::uint64_t kInputKey = 0x9E3779B97F4A7C15;

// Weights of samples that give the wanted weights of tokens: a packed row is not quite full.
std::vector<double> sample_weights(const Stage& stage, const std::vector<DataSize>& data) {
  std::vector<double> weights;
  for (std::size_t d = 0; d < data.size(); ++d) {
    const auto tokens = static_cast<double>(data[d].tokens);
    const double wanted = stage.weights.empty() ? tokens : stage.weights[d];
    const double in_sample =
        data[d].rows > 0 ? tokens / static_cast<double>(data[d].rows) : static_cast<double>(stage.sequence_length);
    weights.push_back(in_sample > 0 ? wanted / in_sample : 0.0);
  }
  return weights;
}

}  // namespace

ReadSet::ReadSet(std::uint64_t seed, Curriculum curriculum, std::vector<DataSize> data)
    : seed_(seed), curriculum_(std::move(curriculum)), data_(std::move(data)) {
  const std::vector<Stage>& stages = curriculum_.stages();
  std::vector<std::vector<DataOrder::Share>> shares(data_.size());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    if (!stage.weights.empty() && stage.weights.size() != data_.size()) {
      fail_usage("stages[{}]: {} weights for {} data inputs", s, stage.weights.size(), data_.size());
    }
    std::vector<std::int64_t> counts{stage.samples()};
    if (data_.size() > 1) counts = apportion(stage.samples(), sample_weights(stage, data_));
    for (std::size_t d = 0; d < data_.size(); ++d) {
      if (counts[d] > 0 && data_[d].rows > 0 && data_[d].row_length != stage.sequence_length) {
        fail_usage("stages[{}]: data input '{}' is packed into rows for sequence_length {}, this stage has {}", s, data_[d].name,
                   data_[d].row_length, stage.sequence_length);
      }
      shares[d].push_back({stage.sequence_length, counts[d]});
    }
    turns_.emplace_back(std::move(counts));
  }
  for (std::size_t d = 0; d < data_.size(); ++d) {
    try {
      orders_.emplace_back(seed + kInputKey * d, data_[d].line_tokens(), std::move(shares[d]));
    } catch (Error& error) {
      if (data_.size() > 1) error.add_context(fmt::format("data input '{}'", data_[d].name));
      throw;
    }
  }
}

ReadSet ReadSet::plain(std::uint64_t seed, std::int64_t tokens, std::int64_t sequence_length, std::int64_t batch,
                       std::int64_t steps) {
  return ReadSet(seed, Curriculum::plain(sequence_length, batch, steps), {{"data", tokens, 0, 0}});
}

ReadSet ReadSet::from_json(const Json& facts) {
  static const Schema schema = object({
      field("seed", string(), "key of the order, decimal"),
      field("stages", anything(), "curriculum"),
      field("data",
            list(object({
                     field("name", string(), "of the input"),
                     field("tokens", integer().min(0), "stored"),
                     field("rows", integer().min(0).def(0), "packed ahead of time; 0 = none"),
                     field("row_length", integer().min(0).max(1 << 30).def(0), "T of these rows"),
                 }))
                .min(1),
            "inputs in their order"),
  });
  const Config config(schema.complete(facts, "read_set"), "read_set");
  std::vector<DataSize> data;
  for (const Config& given : config.objects("data")) {
    data.push_back({given.string("name"), given.integer("tokens"), given.integer("rows"), given.integer("row_length")});
  }
  return ReadSet(parse_seed(config.string("seed")), Curriculum::from_json(config.json("stages"), "read_set.stages"),
                 std::move(data));
}

Json ReadSet::to_json() const {
  Json data = Json::array();
  for (const DataSize& input : data_) {
    Json json = {{"name", input.name}, {"tokens", input.tokens}};
    if (input.rows > 0) json["rows"] = input.rows, json["row_length"] = input.row_length;
    data.push_back(std::move(json));
  }
  return {{"seed", seed_text(seed_)}, {"stages", curriculum_.to_json()}, {"data", data}};
}

SampleRef ReadSet::sample_at(std::int64_t stage, std::int64_t position) const {
  const Interleave::Turn turn = turns_[static_cast<std::size_t>(stage)].at(position);
  return {turn.input, orders_[static_cast<std::size_t>(turn.input)].token_at(stage, turn.rank)};
}

std::int64_t ReadSet::samples_of(std::int64_t stage, std::int64_t data) const {
  return turns_[static_cast<std::size_t>(stage)].count(data);
}

double ReadSet::passes(std::int64_t data) const {
  const DataOrder& order = orders_[static_cast<std::size_t>(data)];
  const DataOrder::Cursor end = order.cursor(static_cast<std::int64_t>(curriculum_.stages().size()));
  if (order.epoch_tokens() == 0) return 0;
  return static_cast<double>(end.epoch) + static_cast<double>(end.token) / static_cast<double>(order.epoch_tokens());
}

std::int64_t ReadSet::step_of(std::int64_t stage, Interleave::Turn turn, std::int64_t* row) const {
  const std::int64_t position = turns_[static_cast<std::size_t>(stage)].position_of(turn);
  const std::int64_t step = curriculum_.step_of(stage, position);
  if (row != nullptr) *row = position - curriculum_.at(step).position;
  return step + 1;
}

std::optional<std::int64_t> ReadSet::first_step(std::int64_t data, TokenRange tokens) const {
  for (std::int64_t stage = 0; stage < static_cast<std::int64_t>(curriculum_.stages().size()); ++stage) {
    const auto rank = orders_[static_cast<std::size_t>(data)].first_rank_of(stage, tokens);
    if (rank) return step_of(stage, {data, *rank}, nullptr);
  }
  return std::nullopt;
}

std::vector<ReadEvent> ReadSet::events(std::int64_t data, TokenRange tokens) const {
  std::vector<ReadEvent> events;
  for (std::int64_t stage = 0; stage < static_cast<std::int64_t>(curriculum_.stages().size()); ++stage) {
    for (const std::int64_t rank : orders_[static_cast<std::size_t>(data)].ranks_of(stage, tokens)) {
      ReadEvent event;
      event.step = step_of(stage, {data, rank}, &event.row);
      events.push_back(event);
    }
  }
  return events;
}

}  // namespace cairn::train
