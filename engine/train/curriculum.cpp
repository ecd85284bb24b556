#include "engine/train/curriculum.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace cairn::train {

namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 62;     // tokens in all
constexpr std::int64_t kMostRow = std::int64_t{1} << 31;  // of a batch, and tokens of a row

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b != 0);
}

void check(const Stage& stage, std::size_t index) {
  const std::string where = fmt::format("stages[{}]", index);
  if (stage.sequence_length < 1 || stage.sequence_length > kMostRow) {
    fail_usage("{}: sequence_length must be 1 to 2^31, found {}", where, stage.sequence_length);
  }
  if (stage.micro_batch < 0) fail_usage("{}: micro_batch must be at least 1, found {}", where, stage.micro_batch);
  if (stage.batches.empty()) fail_usage("{}: no steps", where);
  for (const BatchPiece& piece : stage.batches) {
    if (piece.batch < 1 || piece.batch > kMostRow) fail_usage("{}: batch must be 1 to 2^31, found {}", where, piece.batch);
    if (piece.steps < 1) fail_usage("{}: steps must be at least 1, found {}", where, piece.steps);
  }
  if (stage.rope_theta && !(*stage.rope_theta > 0)) fail_usage("{}: rope_theta must be above 0", where);
  double sum = 0;
  for (const double weight : stage.weights) {
    if (!std::isfinite(weight) || weight < 0) fail_usage("{}: a weight must be 0 or more, found {}", where, weight);
    sum += weight;
  }
  if (!stage.weights.empty() && !(sum > 0)) fail_usage("{}: all weights are 0", where);
}

}  // namespace

std::int64_t Stage::steps() const {
  std::int64_t sum = 0;
  for (const BatchPiece& piece : batches) sum += piece.steps;
  return sum;
}

std::int64_t Stage::samples() const {
  std::int64_t sum = 0;
  for (const BatchPiece& piece : batches) sum += piece.steps * piece.batch;
  return sum;
}

std::int64_t Stage::largest_micro_batch() const {
  std::int64_t largest = 0;
  for (const BatchPiece& piece : batches) largest = std::max(largest, piece.batch);
  return micro_batch > 0 ? std::min(largest, micro_batch) : largest;
}

Curriculum::Curriculum(std::vector<Stage> stages) : stages_(std::move(stages)), starts_(1) {
  if (stages_.empty()) fail_usage("stages: a training needs at least one");
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const Stage& stage = stages_[i];
    check(stage, i);
    if (stage.rope_theta) starts_.back().rope_theta = stage.rope_theta;
    Start next = starts_.back();
    for (const BatchPiece& piece : stage.batches) {
      std::int64_t tokens = 0;
      if (__builtin_mul_overflow(piece.batch * stage.sequence_length, piece.steps, &tokens) || tokens > kMost - next.tokens) {
        fail_usage("stages[{}]: more than 2^62 tokens in all", i);
      }
      next.step += piece.steps;
      next.samples += piece.batch * piece.steps;
      next.tokens += tokens;
    }
    starts_.push_back(next);
  }
}

Curriculum Curriculum::plain(std::int64_t sequence_length, std::int64_t batch, std::int64_t steps, std::int64_t micro_batch) {
  return Curriculum({{"", sequence_length, {{batch, steps}}, micro_batch, std::nullopt, {}}});
}

std::int64_t Curriculum::longest_sequence() const {
  std::int64_t longest = 0;
  for (const Stage& stage : stages_) longest = std::max(longest, stage.sequence_length);
  return longest;
}

std::int64_t Curriculum::largest_micro_batch_tokens() const {
  std::int64_t largest = 0;
  for (const Stage& stage : stages_) largest = std::max(largest, stage.largest_micro_batch() * stage.sequence_length);
  return largest;
}

std::int64_t Curriculum::largest_batch_tokens() const {
  std::int64_t largest = 0;
  for (const Stage& stage : stages_) {
    for (const BatchPiece& piece : stage.batches) largest = std::max(largest, piece.batch * stage.sequence_length);
  }
  return largest;
}

StepPlan Curriculum::at(std::int64_t step) const {
  if (step < 0 || step >= steps()) fail("step {} asked for, this training has the steps 0 to {}", step, steps() - 1);
  std::size_t s = 0;
  while (step >= starts_[s + 1].step) ++s;
  const Stage& stage = stages_[s];
  std::int64_t before = 0, rest = step - starts_[s].step;  // samples of the stage before this step; steps into the piece
  const BatchPiece* piece = stage.batches.data();
  for (; rest >= piece->steps; ++piece) {
    before += piece->batch * piece->steps;
    rest -= piece->steps;
  }
  before += rest * piece->batch;
  return {step,
          static_cast<std::int64_t>(s),
          before,
          piece->batch,
          stage.sequence_length,
          stage.micro_batch > 0 ? std::min(stage.micro_batch, piece->batch) : piece->batch,
          starts_[s].samples + before,
          starts_[s].tokens + before * stage.sequence_length,
          starts_[s].rope_theta};
}

std::int64_t Curriculum::step_of(std::int64_t stage, std::int64_t position) const {
  if (stage < 0 || stage >= static_cast<std::int64_t>(stages_.size())) fail("there is no stage {}", stage);
  const auto s = static_cast<std::size_t>(stage);
  if (position < 0 || position >= stages_[s].samples()) fail("stage {} has no sample {}", stage, position);
  std::int64_t step = starts_[s].step;
  for (const BatchPiece& piece : stages_[s].batches) {
    if (position < piece.batch * piece.steps) return step + position / piece.batch;
    position -= piece.batch * piece.steps;
    step += piece.steps;
  }
  return step;
}

Json Curriculum::to_json() const {
  Json list = Json::array();
  for (const Stage& stage : stages_) {
    Json batches = Json::array();
    for (const BatchPiece& piece : stage.batches) batches.push_back({{"batch", piece.batch}, {"steps", piece.steps}});
    Json json = {{"name", stage.name}, {"sequence_length", stage.sequence_length}, {"batches", batches}};
    if (stage.micro_batch > 0) json["micro_batch"] = stage.micro_batch;
    if (stage.rope_theta) json["rope_theta"] = *stage.rope_theta;
    if (!stage.weights.empty()) json["weights"] = stage.weights;
    list.push_back(std::move(json));
  }
  return list;
}

Curriculum Curriculum::from_json(const Json& json, std::string_view path) {
  static const Schema schema =
      list(object({
               field("name", string().def(""), "for people"),
               field("sequence_length", integer().min(1), "tokens in a sample"),
               field("batches",
                     list(object({field("batch", integer().min(1), "samples in a step"),
                                  field("steps", integer().min(1), "of this batch size")})),
                     "in order"),
               field("micro_batch", integer().min(1).def(nullptr), "samples in one forward and backward"),
               field("rope_theta", number().above(0).def(nullptr), "base of the rotary angles"),
               field("weights", list(number().min(0)).def(Json::array()), "of the data inputs"),
           }))
          .min(1);
  const Config config(Json{{"stages", schema.complete(json, path)}}, std::string(path));
  std::vector<Stage> stages;
  for (const Config& given : config.objects("stages")) {
    Stage stage{given.string("name"), given.integer("sequence_length"), {}, 0, std::nullopt, given.numbers("weights")};
    for (const Config& piece : given.objects("batches"))
      stage.batches.push_back({piece.integer("batch"), piece.integer("steps")});
    if (given.has("micro_batch")) stage.micro_batch = given.integer("micro_batch");
    if (given.has("rope_theta")) stage.rope_theta = given.number("rope_theta");
    stages.push_back(std::move(stage));
  }
  return Curriculum(std::move(stages));
}

// ---- config ----

namespace {

// Batch sizes of a stage that lasts until `steps` steps or `tokens` tokens are done, whichever was given; the other is 0. A piece
// that lasts for n tokens has the fewest steps that reach them, and so has the stage.
class StageLength {
 public:
  StageLength(Stage& stage, std::int64_t steps, std::int64_t tokens, std::string where)
      : stage_(stage), steps_left_(steps), tokens_(tokens), where_(std::move(where)) {}

  // `batch` until the stage has read `until` tokens.
  void ramp(std::int64_t batch, std::int64_t until) {
    const std::int64_t wanted = tokens_ > 0 ? std::min(until, tokens_) : until;
    if (wanted <= read_) return;
    std::int64_t steps = ceil_div(wanted - read_, batch * stage_.sequence_length);
    if (tokens_ == 0) steps = std::min(steps, steps_left_);
    add(batch, steps);
  }
  // `batch` to the end.
  void finish(std::int64_t batch) {
    if (tokens_ > 0) {
      if (tokens_ > read_) add(batch, ceil_div(tokens_ - read_, batch * stage_.sequence_length));
    } else {
      add(batch, steps_left_);
    }
  }

 private:
  void add(std::int64_t batch, std::int64_t steps) {
    if (steps == 0) return;
    if (steps > kMost / batch / stage_.sequence_length || steps * batch * stage_.sequence_length > kMost - read_) {
      fail_usage("{}: more than 2^62 tokens", where_);
    }
    read_ += steps * batch * stage_.sequence_length;
    if (tokens_ == 0) steps_left_ -= steps;
    if (!stage_.batches.empty() && stage_.batches.back().batch == batch)
      stage_.batches.back().steps += steps;
    else
      stage_.batches.push_back({batch, steps});
  }

  Stage& stage_;
  std::int64_t steps_left_, tokens_, read_ = 0;
  std::string where_;
};

Schema ramp_schema() {
  return list(object({field("batch", integer().min(1).max(kMostRow), "samples in a step"),
                      field("until_tokens", integer().min(1), "that the stage has read; the next size follows")}));
}

Schema linear_ramp_schema() {
  return object({field("start", integer().min(1).max(kMostRow), "first batch size"),
                 field("increment", integer().min(1).max(kMostRow), "from size to size"),
                 field("tokens", integer().min(1), "of the whole ramp, shared equally by the sizes below the batch")});
}

// Megatron's ramp: sizes start, start + increment, ... below `batch`, each for the same number of tokens.
void add_linear_ramp(StageLength& length, const Config& ramp, std::int64_t batch, const std::string& where) {
  const std::int64_t start = ramp.integer("start"), increment = ramp.integer("increment"), tokens = ramp.integer("tokens");
  if (start >= batch || (batch - start) % increment != 0) {
    fail_usage("{}.linear_ramp: from {} by {} does not reach the batch of {}", where, start, increment, batch);
  }
  const std::int64_t sizes = (batch - start) / increment;
  for (std::int64_t i = 0; i < sizes; ++i) {
    length.ramp(start + i * increment, tokens / sizes * (i + 1) + tokens % sizes * (i + 1) / sizes);
  }
}

void add_batches(Stage& stage, const Config& given, std::int64_t batch, std::int64_t steps, std::int64_t tokens,
                 const std::string& where) {
  StageLength length(stage, steps, tokens, where);
  if (given.has("ramp") && given.has("linear_ramp")) fail_usage("{}: ramp and linear_ramp exclude one another", where);
  if (given.has("ramp")) {
    std::int64_t before = 0;
    for (const Config& piece : given.objects("ramp")) {
      const std::int64_t until = piece.integer("until_tokens");
      if (until <= before) fail_usage("{}.ramp: until_tokens must grow, found {} after {}", where, until, before);
      length.ramp(piece.integer("batch"), until);
      before = until;
    }
  }
  if (given.has("linear_ramp")) add_linear_ramp(length, given.object("linear_ramp"), batch, where);
  length.finish(batch);
}

std::vector<double> read_weights(const Config& given, const std::vector<std::string>& inputs, const std::string& where) {
  std::vector<double> weights(inputs.size(), 0.0);
  for (const auto& [name, weight] : given.json("mix").items()) {
    const auto found = std::find(inputs.begin(), inputs.end(), name);
    if (found == inputs.end()) {
      const std::string near = nearest_name(name, inputs);
      fail_usage("{}.mix: there is no data input '{}'{}", where, name,
                 near.empty() ? fmt::format("; known: {}", fmt::join(inputs, ", ")) : ". Did you mean '" + near + "'?");
    }
    weights[static_cast<std::size_t>(found - inputs.begin())] = weight.get<double>();
  }
  return weights;
}

// A stage of the config, or the config itself where it has none; what a stage leaves out is that of the config.
Stage read_stage(const Config& given, const Config& whole, const std::vector<std::string>& inputs, const std::string& where) {
  const auto either = [&](std::string_view name) { return given.has(name) ? given.integer(name) : whole.integer(name); };
  Stage stage;
  if (given.has("name")) stage.name = given.string("name");
  stage.sequence_length = either("sequence_length");
  if (given.has("micro_batch") || whole.has("micro_batch")) stage.micro_batch = either("micro_batch");
  if (given.has("rope_theta")) stage.rope_theta = given.number("rope_theta");
  if (given.has("mix")) stage.weights = read_weights(given, inputs, where);
  const bool by_steps = given.has("steps"), by_tokens = given.has("tokens");
  if (by_steps == by_tokens) {
    fail_usage("{}: expected either 'steps' or 'tokens', found {}", where, by_steps ? "both" : "neither");
  }
  add_batches(stage, given, either("batch"), by_steps ? given.integer("steps") : 0, by_tokens ? given.integer("tokens") : 0,
              where);
  return stage;
}

// What one stage may say; the config itself says the same of the only stage where there is no list.
std::vector<Field> length_fields() {
  return {
      field("steps", integer().min(1).def(nullptr), "optimizer steps; or say tokens"),
      field("tokens", integer().min(1).def(nullptr), "to read, at least; or say steps"),
      field("ramp", ramp_schema().def(nullptr), "smaller batches at first"),
      field("linear_ramp", linear_ramp_schema().def(nullptr), "batch sizes that grow evenly at first"),
      field("mix", map(number().min(0)).def(nullptr), "weight of each data input, by tokens; all of the data when left out"),
  };
}

}  // namespace

std::vector<Field> curriculum_fields() {
  std::vector<Field> stage{
      field("name", string().def(""), "for people"),
      field("sequence_length", integer().min(1).max(kMostRow).def(nullptr), "tokens in a sample, in this stage"),
      field("batch", integer().min(1).max(kMostRow).def(nullptr), "samples in a step, in this stage"),
      field("micro_batch", integer().min(1).def(nullptr), "samples in one forward and backward, in this stage"),
      field("rope_theta", number().above(0).def(nullptr), "base of the rotary angles, from this stage on"),
  };
  for (Field& shared : length_fields()) stage.push_back(std::move(shared));
  std::vector<Field> fields{
      field("sequence_length", integer().min(1).max(kMostRow).def(512), "tokens in a sample"),
      field("batch", integer().min(1).max(kMostRow).def(8), "samples in a step"),
      field("micro_batch", integer().min(1).def(nullptr), "samples in one forward and backward; the whole batch when left out"),
      field("data_names", list(string().min(1)).def(nullptr), "of the data inputs, in order; \"0\", \"1\", ... when left out"),
      field("stages", list(object(std::move(stage))).min(1).def(nullptr), "one after another; what one leaves out is as above"),
  };
  for (Field& shared : length_fields()) fields.push_back(std::move(shared));
  return fields;
}

Curriculum read_curriculum(const Config& config, const std::vector<std::string>& inputs) {
  if (!config.has("stages")) return Curriculum({read_stage(config, config, inputs, "config")});
  for (const char* name : {"steps", "tokens", "ramp", "linear_ramp", "mix"}) {
    if (config.has(name)) fail_usage("config.{}: each of the stages says this for itself", name);
  }
  std::vector<Stage> stages;
  for (const Config& given : config.objects("stages")) {
    stages.push_back(read_stage(given, config, inputs, fmt::format("config.stages[{}]", stages.size())));
  }
  return Curriculum(std::move(stages));
}

}  // namespace cairn::train
