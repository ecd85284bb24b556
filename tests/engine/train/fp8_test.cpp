// Training with 8-bit products inside blocks, beside the same in bfloat16.
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/observed_backend.h"
#include "tests/engine/train/tiny_training.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

constexpr std::int64_t kSteps = 120;

struct Run {
  ThreadPool pool{2};
  Context context;
  MemoryTokens stream{tiny_tokens(400)};
  Loader loader{{&stream}, ReadSet::plain(5, stream.size(), 8, 6, kSteps), {}};
  Trainer trainer;

  Run(const Backend& backend, const TrainerConfig& config)
      : context{backend, pool},
        trainer(context, config, Training::start(), Curriculum::plain(8, 6, kSteps, 4),
                [this](const StepPlan& plan) { return loader.batch(plan); }) {}
  std::vector<double> losses(std::int64_t until) {
    std::vector<double> all;
    while (trainer.state().step < until) all.push_back(trainer.step().loss);
    return all;
  }
  void write(const fs::path& folder) { write_checkpoint(real_disk(), folder, tiny_model(), trainer.state_fields(), kFacts); }
};

TrainerConfig config_of(bool fp8) {
  TrainerConfig config = Training::config(false);
  config.schedule = {LearningRateSchedule::Shape::constant, 0, 0.01, 0, 0, 0, 0};
  config.bf16 = true;
  config.fp8 = fp8;
  return config;
}

double mean_of(const std::vector<double>& losses, std::ptrdiff_t begin, std::ptrdiff_t count) {
  const auto first = losses.begin() + begin;
  return std::accumulate(first, first + count, 0.0) / static_cast<double>(count);
}

}  // namespace

TEST_CASE("8-bit products inside blocks: the loss stays with that of bfloat16") {
  for (const Backend* backend : {&ref_backend(), &cpu_backend()}) {
    CAPTURE(backend->name);
    const std::vector<double> bf16 = Run(*backend, config_of(false)).losses(kSteps),
                              fp8 = Run(*backend, config_of(true)).losses(kSteps);
    CHECK(bf16 != fp8);
    // Single steps part, as trajectories do; twenty together do not.
    for (std::ptrdiff_t begin = 0; begin < kSteps; begin += 20)
      CHECK(mean_of(fp8, begin, 20) == doctest::Approx(mean_of(bf16, begin, 20)).epsilon(0.03));
    CHECK(mean_of(fp8, kSteps - 20, 20) < 0.3 * fp8[0]);
  }
}

TEST_CASE("8-bit products: a resumed training and one with blocks computed again give the same bits") {
  test::TemporaryFolder folder;
  TrainerConfig config = config_of(true);
  Run whole(cpu_backend(), config);
  whole.losses(4);
  whole.write(folder.path() / "half");
  whole.losses(8);
  whole.write(folder.path() / "whole");
  config.recompute = model::parse_recompute("block");
  Run resumed(cpu_backend(), config);
  read_checkpoint(CheckpointReader(folder.path() / "half"), resumed.trainer.state_fields(), kFacts);
  resumed.losses(8);
  resumed.write(folder.path() / "resumed");
  CHECK(bytes_of(folder.path() / "resumed") == bytes_of(folder.path() / "whole"));
}

TEST_CASE("8-bit products: weights are made once a step, whatever its micro-batches, and each pass measures its inputs once") {
  struct Calls : OperationObserver {
    std::map<std::string, int> of;
    void end(const OperationCall& call) override { ++of[call.name]; }
  } calls;
  const ObservedBackend watched = observe(cpu_backend(), calls);
  Run run(watched, config_of(true));
  run.losses(1);  // of two micro-batches, in 2 layers of 6 matrices that read 4 inputs
  CHECK(calls.of["quantize"] == 2 * (2 * (2 * 4 + 6) + 6));
  CHECK(calls.of["absolute_max"] == 2 * (2 * (4 + 6) + 6));
}

TEST_CASE("8-bit products need bfloat16 around them") {
  TrainerConfig config = config_of(true);
  config.bf16 = false;
  CHECK(test::error_of([&] { Run(cpu_backend(), config); }).find("8-bit products need bf16 around them") != std::string::npos);
}
