#include "engine/train/trainer.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/json.h"
#include "engine/model/hf_folder.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

struct Training {
  ThreadPool pool;
  Context context;
  MemoryTokens stream{tiny_tokens(700)};
  Loader loader;
  Trainer trainer;

  Training(const TrainerConfig& config, const Backend& backend, Dtype dtype, int threads = 1, std::int64_t micro_batch = 4)
      : pool(threads),
        context{backend, pool},
        loader(stream, 5, 4, 12, {}),
        trainer(context, config, start(dtype), Curriculum::plain(12, 4, 40, micro_batch),
                [this](const StepPlan& plan) { return loader.batch_at(plan.position); }) {}

  static model::Parameters start(Dtype dtype) {
    model::Parameters parameters(tiny_model(), dtype);
    model::initialise(parameters, 1);
    return parameters;
  }
};

TrainerConfig small_config() {
  TrainerConfig config;
  config.optimizer.method = OptimizerConfig::Method::ademamix;
  config.optimizer.alpha_warmup = config.optimizer.beta3_warmup = 20;
  config.schedule = {LearningRateSchedule::Shape::wsd, 0, 0.02, 0.002, 8, 40, 160};
  return config;
}

double largest_difference(const model::Parameters& a, const model::Parameters& b) {
  double largest = 0;
  for (std::int64_t i = 0; i < a.flat().size(); ++i) {
    largest = std::max(largest, std::abs(a.flat().as<double>()[i] - b.flat().as<double>()[i]));
  }
  return largest;
}

}  // namespace

TEST_CASE("trainer: three AdamW steps of transformers' Apertus, loss by loss and weight by weight") {
  REQUIRE_SHARED(shared);
  const auto folder = shared / "data/golden/apertus_tiny";
  const Json golden = read_json(folder / "golden.json");
  model::LoadedModel start = model::load_hf_folder(folder, Dtype::f32);

  TrainerConfig options;
  options.optimizer.beta2 = 0.95;
  options.optimizer.decay = OptimizerConfig::Decay::all;
  options.schedule = {LearningRateSchedule::Shape::constant, 0, 1e-2, 0, 0, 0, 0};
  options.clip = 0;
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  const RowBuilder rows{MaskOptions{}};
  Trainer trainer(context, options, std::move(start.parameters), Curriculum::plain(16, 2, 3), [&](const StepPlan&) {
    TokenBatch batch(2, 16);
    for (std::int64_t row = 0; row < 2; ++row) {
      rows.fill(batch, row, golden.at("input_ids")[static_cast<std::size_t>(row)].get<std::vector<std::int32_t>>());
    }
    return batch;
  });
  for (std::size_t step = 0; step < 3; ++step) {
    const StepReport report = trainer.step();
    CHECK(report.loss == doctest::Approx(golden.at("adamw").at("losses_before_each_step")[step].get<double>()).epsilon(2e-5));
    if (step == 0) CHECK(report.grad_norm == doctest::Approx(golden.at("grad_norm").get<double>()).epsilon(1e-5));
  }
  const model::SafetensorsFile after(folder / "golden_after_adamw3.safetensors");
  double sum = 0, largest = 0;
  std::int64_t count = 0;
  for (const model::NamedTensor& p : trainer.parameters().all()) {
    std::vector<float> expected(static_cast<std::size_t>(p.tensor.size()));
    Tensor view = p.tensor;
    view.data = expected.data();
    after.read(after.require(p.name), view);
    for (std::size_t i = 0; i < expected.size(); ++i, ++count) {
      const double off = std::abs(static_cast<double>(p.tensor.as<float>()[i]) - expected[i]);
      sum += off;
      largest = std::max(largest, off);
    }
  }
  // An entry whose gradient is nearly zero may take its Adam step the other way; see golden/README.md.
  CHECK(sum / static_cast<double>(count) < 1e-6);
  CHECK(largest < 1e-3);
}

TEST_CASE("trainer: the loss falls") {
  Training training(small_config(), ref_backend(), Dtype::f64);
  double first = 0, last = 0;
  for (int step = 1; step <= 40; ++step) {
    const StepReport report = training.trainer.step();
    CHECK(report.step == step);
    CHECK_FALSE(report.skipped);
    // The clock is the samples read before the step: the first step of a warm-up from zero has rate zero.
    CHECK(report.lr == small_config().schedule.at(4 * (step - 1)));
    if (step <= 5) first += report.loss / 5;
    if (step > 35) last += report.loss / 5;
  }
  CHECK(first > 3.4);  // ln(40) = 3.69
  CHECK(last < first - 0.8);
  CHECK(training.trainer.state().samples == 160);
}

TEST_CASE("trainer: micro-batches change nothing but rounding") {
  const TrainerConfig config = small_config();
  Training whole(config, ref_backend(), Dtype::f64);
  Training pieces(config, ref_backend(), Dtype::f64, 1, 3);  // 3 does not divide the batch
  for (int step = 0; step < 5; ++step) {
    const StepReport a = whole.trainer.step(), b = pieces.trainer.step();
    CHECK(a.loss == doctest::Approx(b.loss).epsilon(1e-7));  // weights of the loss are float32
    CHECK(a.grad_norm == doctest::Approx(b.grad_norm).epsilon(1e-7));
  }
  CHECK(largest_difference(whole.trainer.parameters(), pieces.trainer.parameters()) < 1e-6);
}

TEST_CASE("trainer: the same bits for any number of threads") {
  Training one(small_config(), ref_backend(), Dtype::f32, 1), three(small_config(), ref_backend(), Dtype::f32, 3);
  for (int step = 0; step < 4; ++step) {
    one.trainer.step();
    three.trainer.step();
  }
  CHECK(one.trainer.state().trace == three.trainer.state().trace);
  const Tensor a = one.trainer.parameters().flat(), b = three.trainer.parameters().flat();
  CHECK(std::memcmp(a.data, b.data, static_cast<std::size_t>(a.bytes())) == 0);
}

TEST_CASE("trainer: a step that is not finite is skipped, counted, and ends the run when they go on") {
  TrainerConfig config = small_config();
  config.max_skips_in_a_row = 3;
  Training training(config, ref_backend(), Dtype::f64);
  training.trainer.step();
  model::Parameters& parameters = training.trainer.parameters();
  model::Parameters before(parameters.config(), Dtype::f64);
  const double kept = parameters.final_norm().as<double>()[0];
  parameters.final_norm().as<double>()[0] = std::numeric_limits<double>::quiet_NaN();
  before.copy_from(parameters);
  const StepReport report = training.trainer.step();
  CHECK(report.skipped);
  CHECK(std::memcmp(parameters.flat().data, before.flat().data, static_cast<std::size_t>(before.flat().bytes())) == 0);
  CHECK(training.trainer.optimizer().steps() == 1);
  CHECK(training.trainer.state().skipped == 1);
  CHECK(training.trainer.state().samples == 8);

  parameters.final_norm().as<double>()[0] = kept;
  CHECK_FALSE(training.trainer.step().skipped);
  CHECK(training.trainer.state().skipped_in_a_row == 0);
  CHECK(training.trainer.state().skipped == 1);

  parameters.final_norm().as<double>()[0] = std::numeric_limits<double>::quiet_NaN();
  training.trainer.step();
  training.trainer.step();
  CHECK(test::error_of([&] { training.trainer.step(); }).find("3 steps in a row that were not finite") != std::string::npos);
}

TEST_CASE("trainer: a batch without any label that counts has loss zero and no gradient") {
  TrainerConfig config = small_config();
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  Trainer trainer(context, config, Training::start(Dtype::f64), Curriculum::plain(12, 4, 1), [&](const StepPlan&) {
    TokenBatch batch(4, 12);
    std::fill(batch.tokens.begin(), batch.tokens.end(), 5);
    std::fill(batch.weights.begin(), batch.weights.end(), 0.0f);
    return batch;
  });
  const StepReport report = trainer.step();
  CHECK(report.loss == 0);
  CHECK(report.grad_norm == 0);
}
