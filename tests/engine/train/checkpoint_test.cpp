#include "engine/train/checkpoint.h"

#include <cstring>
#include <functional>
#include <map>

#include "base/hash.h"
#include "base/json.h"
#include "engine/model/hf_folder.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

const Json kFacts = {{"seed", "5"}, {"batch", 3}};

struct Training {
  ThreadPool pool{1};
  Context context{ref_backend(), pool};
  MemoryTokens stream{tiny_tokens(400)};
  Loader loader{stream, 5, 3, 8, {}};
  Trainer trainer;

  Training()
      : trainer(context, config(), start(), Curriculum::plain(8, 3, 20),
                [this](const StepPlan& plan) { return loader.batch_at(plan.position); }) {}

  static TrainerConfig config() {
    TrainerConfig config;
    config.optimizer.method = OptimizerConfig::Method::ademamix;
    config.optimizer.alpha_warmup = config.optimizer.beta3_warmup = 6;
    config.schedule = {LearningRateSchedule::Shape::wsd, 0, 0.02, 0.002, 6, 9, 30};
    return config;
  }
  static model::Parameters start() {
    model::Parameters parameters(tiny_model(), Dtype::f32);
    model::initialise(parameters, 1);
    return parameters;
  }
  void run_until(std::int64_t step) {
    while (trainer.state().step < step) trainer.step();
  }
  void write(const fs::path& folder) {
    write_checkpoint(real_disk(), folder, trainer.parameters(), &trainer.optimizer(), trainer.state(), kFacts);
  }
  void read(const fs::path& folder) {
    trainer.state() = read_checkpoint(folder, trainer.parameters(), trainer.optimizer(), kFacts);
  }
  void save(CheckpointFolder& folder) { folder.save(trainer.parameters(), trainer.optimizer(), trainer.state(), kFacts); }
};

std::map<std::string, std::string> bytes_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) files[entry.path().filename()] = read_file(entry.path());
  return files;
}

void overwrite(const fs::path& path, const std::string& text) {
  fs::remove(path);
  write_file_atomically(path, text);
}

void flip_byte(const fs::path& path, std::size_t at) {
  std::string text = read_file(path);
  text.at(at) = static_cast<char>(text[at] ^ 1);
  overwrite(path, text);
}

}  // namespace

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

// Each part of the state, left out by itself, must change the end. Otherwise it would not be state, or would not be tested.
TEST_CASE("checkpoint: leaving any one part of the state out is noticed") {
  const test::TemporaryFolder folder;
  Training uninterrupted;
  uninterrupted.run_until(10);
  uninterrupted.write(folder.path() / "whole");
  Training first;
  first.run_until(4);
  first.trainer.state().skipped = 2;  // as if two steps had been skipped ...
  first.trainer.state().skipped_in_a_row = 1;
  first.write(folder.path() / "half");

  const auto end_after = [&](const std::string& name, const std::function<void(Training&)>& leave_out) {
    Training second;
    second.read(folder.path() / "half");
    leave_out(second);
    // ... of which the uninterrupted run knows nothing; the counters are compared apart.
    second.trainer.state().skipped -= 2;
    second.run_until(10);
    second.write(folder.path() / name);
    return bytes_of(folder.path() / name);
  };
  const auto whole = bytes_of(folder.path() / "whole");
  REQUIRE(end_after("nothing", [](Training&) {}) == whole);
  CHECK(end_after("step", [](Training& t) { t.trainer.state().step = 0; }) != whole);
  CHECK(end_after("samples", [](Training& t) { t.trainer.state().samples = 0; }) != whole);
  CHECK(end_after("skipped", [](Training& t) { t.trainer.state().skipped = 0; }) != whole);
  CHECK(end_after("trace", [](Training& t) { t.trainer.state().trace.clear(); }) != whole);
  CHECK(end_after("optimizer steps", [](Training& t) { t.trainer.optimizer().set_steps(0); }) != whole);
  CHECK(end_after("weights", [](Training& t) { t.trainer.parameters() = Training::start(); }) != whole);
  for (std::size_t moment = 0; moment < 3; ++moment) {
    CHECK(end_after("moment " + std::to_string(moment), [&](Training& t) {
            for (const model::NamedTensor& m : t.trainer.optimizer().moments()[moment].tensors)
              std::memset(m.tensor.data, 0, static_cast<std::size_t>(m.tensor.bytes()));
          }) != whole);
  }
  Training second;
  second.read(folder.path() / "half");
  CHECK(second.trainer.state().skipped_in_a_row == 1);
}

TEST_CASE("checkpoint: each field of state.json is required and checked") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  const fs::path path = folder.path() / "c";
  training.write(path);
  const Json state = read_json(path / "state.json");
  for (const auto& [key, value] : state.items()) {
    Json without = state;
    without.erase(key);
    overwrite(path / "state.json", without.dump());
    CHECK_MESSAGE(test::error_of([&] { training.read(path); }).find(key) != std::string::npos, key);
  }
  Json negative = state;
  negative["samples"] = -1;
  overwrite(path / "state.json", negative.dump());
  CHECK(test::error_of([&] { training.read(path); }).find("samples") != std::string::npos);
}

TEST_CASE("checkpoint: another training's checkpoint is refused with what differs") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(1);
  const fs::path path = folder.path() / "c";
  training.write(path);
  auto& t = training.trainer;
  CHECK(test::error_of([&] {
          read_checkpoint(path, t.parameters(), t.optimizer(), {{"seed", "6"}, {"batch", 3}});
        }).find("'seed' is \"5\", expected \"6\"") != std::string::npos);
  CHECK(test::error_of([&] {
          read_checkpoint(path, t.parameters(), t.optimizer(), {{"seed", "5"}});
        }).find("'batch' was not expected") != std::string::npos);
  Optimizer adamw({}, t.parameters());
  CHECK(test::error_of([&] {
          read_checkpoint(path, t.parameters(), adamw, kFacts);
        }).find("optimizer ademamix, this run uses adamw") != std::string::npos);
  model::Parameters larger(tiny_model(50), Dtype::f32);
  CHECK_FALSE(test::error_of([&] { model::load_hf_weights(path, larger); }).empty());
}

TEST_CASE("checkpoint: any flipped byte, missing file or wrong length is found") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  const fs::path path = folder.path() / "c";
  training.write(path);
  const auto original = bytes_of(path);
  for (const auto& [name, text] : original) {
    for (const std::size_t at : {std::size_t{0}, text.size() / 2, text.size() - 1}) {
      flip_byte(path / name, at);
      // The last byte of the manifest is its newline: another character there is trailing text.
      CHECK_MESSAGE(checkpoint_damage(path) != "", name, " byte ", at);
      overwrite(path / name, text);
    }
    fs::remove(path / name);
    CHECK_MESSAGE(checkpoint_damage(path) != "", name);
    overwrite(path / name, text);
  }
  REQUIRE(checkpoint_damage(path) == "");
  flip_byte(path / "model.safetensors", 5000);
  CHECK(checkpoint_damage(path) == "model.safetensors: SHA-256 differs");
  overwrite(path / "model.safetensors", original.at("model.safetensors").substr(0, 5000));
  CHECK(checkpoint_damage(path).find("model.safetensors: 5000 bytes, expected ") == 0);
}

TEST_CASE("checkpoint folder: the newest whole one is resumed, older ones are dropped") {
  const test::TemporaryFolder folder;
  const fs::path checkpoints = folder.path() / "checkpoints";
  CheckpointFolder kept(real_disk(), checkpoints, 2);
  Training training;
  CHECK_FALSE(kept.resume(training.trainer.parameters(), training.trainer.optimizer(), kFacts).has_value());
  for (const std::int64_t step : {2, 4, 6}) {
    training.run_until(step);
    training.save(kept);
  }
  CHECK(kept.steps() == std::vector<std::int64_t>{4, 6});

  const auto resumed_step = [&] {
    Training second;
    const auto state = kept.resume(second.trainer.parameters(), second.trainer.optimizer(), kFacts);
    return state ? state->step : -1;
  };
  CHECK(resumed_step() == 6);
  flip_byte(kept.path_of(6) / "optimizer.safetensors", 7000);
  CHECK(resumed_step() == 4);
  // Going on from step 4 writes step 6 anew, over the damaged one.
  Training second;
  second.trainer.state() = *kept.resume(second.trainer.parameters(), second.trainer.optimizer(), kFacts);
  second.run_until(6);
  second.save(kept);
  CHECK(resumed_step() == 6);
  CHECK(checkpoint_damage(kept.path_of(6)) == "");
  fs::remove(kept.path_of(4) / "manifest.json");
  fs::remove(kept.path_of(6) / "manifest.json");
  CHECK(resumed_step() == -1);
}

TEST_CASE("checkpoint folder: what a kill left half-written is removed") {
  const test::TemporaryFolder folder;
  fs::create_directories(folder.path() / "step-00000004.partial");
  fs::create_directories(folder.path() / "step-00000002.removed");
  fs::create_directories(folder.path() / "notes");
  CheckpointFolder kept(real_disk(), folder.path(), 2);
  CHECK_FALSE(fs::exists(folder.path() / "step-00000004.partial"));
  CHECK_FALSE(fs::exists(folder.path() / "step-00000002.removed"));
  CHECK(fs::exists(folder.path() / "notes"));
  CHECK(kept.steps().empty());
}
