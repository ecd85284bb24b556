#include "engine/train/checkpoint.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/model/hf_folder.h"
#include "tests/engine/train/tiny_training.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

TEST_CASE("checkpoint: the example line of docs/format/checkpoint.md") {
  std::string line;
  append_trace(line, 1, 8.0, 1.5);
  CHECK(read_file(test::source_folder() / "docs/format/checkpoint.md").find("```\n" + line + "```") != std::string::npos);
}

TEST_CASE("checkpoint: a resumed training ends in the same bytes as an uninterrupted one") {
  const test::TemporaryFolder folder;
  Training uninterrupted;
  uninterrupted.run_until(10);
  uninterrupted.write(folder.path() / "whole");

  Training first;
  first.run_until(4);
  first.write(folder.path() / "half");
  Training second;
  second.read(folder.path() / "half");
  CHECK(second.trainer.state().step == 4);
  second.run_until(10);
  second.write(folder.path() / "resumed");
  CHECK(bytes_of(folder.path() / "resumed") == bytes_of(folder.path() / "whole"));
  CHECK(checkpoint_damage(folder.path() / "whole") == "");
}

namespace {

// Sets one field to what it is in a training that has not begun.
void leave_out(Training& training, Training&& blank, const std::string& name) {
  const StateFields fields = training.trainer.state_fields(), blank_fields = blank.trainer.state_fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name != name) continue;
    std::visit(
        [&](auto& value) {
          using Value = std::decay_t<decltype(value)>;
          const auto& from = std::get<Value>(blank_fields[i].value);
          if constexpr (std::is_same_v<Value, StateField::Tensors>) {
            for (std::size_t t = 0; t < value.size(); ++t) {
              std::memcpy(value[t].tensor.data, from[t].tensor.data, static_cast<std::size_t>(value[t].tensor.bytes()));
            }
          } else {
            *value = *from;
          }
        },
        fields[i].value);
  }
}

// Each field of the state, left out by itself, must change the end. Otherwise it would not be state, or would not be tested.
void leave_out_each(bool bf16_moments) {
  const test::TemporaryFolder folder;
  const auto start = [](Training& training) {
    training.run_until(4);
    training.trainer.state().skipped = 2;  // as if it had skipped two steps, one of them just now
    training.trainer.state().skipped_in_a_row = 1;
  };
  Training uninterrupted(bf16_moments), first(bf16_moments);
  start(uninterrupted);
  uninterrupted.run_until(10);
  uninterrupted.write(folder.path() / "whole");
  start(first);
  first.write(folder.path() / "half");
  if (bf16_moments) {
    const CheckpointReader half(folder.path() / "half");
    CHECK(half.find("m2.lm_head.weight")->describe() == "BF16 [40, 16]");
    CHECK(half.find("lm_head.weight")->describe() == "F32 [40, 16]");
  }

  // What a training without `name` in its checkpoint begins and ends with.
  const auto end_without = [&](const std::string& name) {
    Training second(bf16_moments);
    second.read(folder.path() / "half");
    leave_out(second, Training(bf16_moments), name);
    const fs::path begin = folder.path() / ("begin-" + name), end = folder.path() / ("end-" + name);
    second.write(begin);
    second.run_until(10);
    second.write(end);
    return std::pair(bytes_of(begin), bytes_of(end));
  };
  const auto half = bytes_of(folder.path() / "half"), whole = bytes_of(folder.path() / "whole");
  REQUIRE(end_without("nothing") == std::pair(half, whole));
  for (const StateField& field : first.trainer.state_fields()) {
    const auto [begin, end] = end_without(field.name);
    CHECK_MESSAGE(begin != half, field.name);
    // The next step that is finite sets this one to 0, whatever it was.
    if (field.name != "skipped_in_a_row") CHECK_MESSAGE(end != whole, field.name);
  }
}

}  // namespace

TEST_CASE("checkpoint: leaving any one field of the state out is noticed") {
  leave_out_each(false);
}

TEST_CASE("checkpoint: leaving any one field of the state out is noticed, with moments in bfloat16") {
  leave_out_each(true);
}

TEST_CASE("checkpoint: every kind of field comes back with its bits") {
  const test::TemporaryFolder folder;
  Training training;
  std::int64_t count = -7;
  double number = -0.0, infinite = std::numeric_limits<double>::infinity();
  std::vector<double> window{1.0 / 3, std::numeric_limits<double>::quiet_NaN()}, none;
  std::string text = "a\nb";
  StateFields fields{{"count", &count},
                     {"number", &number},
                     {"infinite", &infinite},
                     {"window", &window},
                     {"none", &none},
                     {"notes.txt", &text},
                     {kWeights, training.trainer.parameters().all()}};
  write_checkpoint(real_disk(), folder.path() / "c", tiny_model(), fields, kFacts);
  CHECK(checkpoint_damage(folder.path() / "c") == "");
  count = 0, number = infinite = 1, window = {5}, none = {6}, text = "";
  read_checkpoint(CheckpointReader(folder.path() / "c"), fields, kFacts);
  CHECK(count == -7);
  CHECK(std::signbit(number));
  CHECK(number == 0);
  CHECK(std::isinf(infinite));
  REQUIRE(window.size() == 2);
  CHECK(window[0] == 1.0 / 3);
  CHECK(std::isnan(window[1]));
  CHECK(none.empty());
  CHECK(text == "a\nb");
}

TEST_CASE("checkpoint: each field of state.json is required and checked") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  const fs::path path = folder.path() / "c";
  training.write(path);
  const Json state = read_json(path / "state.json");
  const auto error_with = [&](const Json& changed) {
    overwrite_listed(path, "state.json", changed.dump());
    return test::error_of([&] { training.read(path); });
  };
  for (const auto& item : state.items()) {
    Json without = state;
    without.erase(item.key());
    CHECK_MESSAGE(error_with(without).find(item.key()) != std::string::npos, item.key());
  }
  for (const auto& item : state.at("state").items()) {
    Json without = state;
    without["state"].erase(item.key());
    CHECK(error_with(without).find("holds no '" + item.key() + "', which this training carries on") != std::string::npos);
  }
  Json changed = state;
  changed["state"]["ema"] = "tensors";
  CHECK(error_with(changed).find("holds 'ema', which this training does not know") != std::string::npos);
  changed = state;
  changed["state"]["skipped"] = "many";
  CHECK(error_with(changed).find("/c: state.skipped: expected a whole number, found \"many\"") != std::string::npos);
}

TEST_CASE("checkpoint: another training's checkpoint is refused with what differs") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(1);
  const fs::path path = folder.path() / "c";
  training.write(path);
  const StateFields fields = training.trainer.state_fields();
  const auto error_with = [&](const StateFields& state, const Json& facts) {
    return test::error_of([&] { read_checkpoint(CheckpointReader(path), state, facts); });
  };
  CHECK(error_with(fields, {{"seed", "6"}, {"batch", 3}}).find("'seed' is \"5\", expected \"6\"") != std::string::npos);
  CHECK(error_with(fields, {{"seed", "5"}}).find("'batch' was not expected") != std::string::npos);
  CHECK(error_with(without_moments(fields), kFacts).find("holds 'm1', which this training does not know") != std::string::npos);
  model::Parameters larger(tiny_model(50), Dtype::f32);
  StateFields other = fields;
  for (StateField& field : other) {
    if (field.name == kWeights) field.value = larger.all();
  }
  CHECK(error_with(other, kFacts).find("tensor 'model.embed_tokens.weight' is F32 [40, 16], expected float32 [50, 16]") !=
        std::string::npos);
}
