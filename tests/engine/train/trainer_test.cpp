#include "engine/train/trainer.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>

#include "base/json.h"
#include "engine/model/hf_folder.h"
#include "engine/train/checkpoint.h"
#include "engine/train/checkpoint_reader.h"
#include "kernels/observed_backend.h"
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
        loader({&stream}, ReadSet::plain(5, stream.size(), 12, 4, 40), {}),
        trainer(context, config, start(dtype), Curriculum::plain(12, 4, 40, micro_batch),
                [this](const StepPlan& plan) { return loader.batch(plan); }) {}

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
  config.schedule = {LearningRateSchedule::Shape::wsd, 0, 0.02, 0.002, 96, 480, 1920};
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
    CHECK(report.skipped == "");
    // The clock is the tokens read before the step: the first step of a warm-up from zero has rate zero.
    CHECK(report.lr == small_config().schedule.at(4 * 12 * (step - 1)));
    if (step <= 5) first += report.loss / 5;
    if (step > 35) last += report.loss / 5;
  }
  CHECK(first > 3.4);  // ln(40) = 3.69
  CHECK(last < first - 0.8);
  CHECK(training.trainer.state().step == 40);
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
  config.spikes.max_in_a_row = 3;
  Training training(config, ref_backend(), Dtype::f64);
  training.trainer.step();
  model::Parameters& parameters = training.trainer.parameters();
  model::Parameters before(parameters.config(), Dtype::f64);
  const double kept = parameters.final_norm().as<double>()[0];
  parameters.final_norm().as<double>()[0] = std::numeric_limits<double>::quiet_NaN();
  before.copy_from(parameters);
  const StepReport report = training.trainer.step();
  CHECK(report.skipped == "loss nan is not finite");
  CHECK(report.not_finite == "the weight model.norm.weight has 1 value that is not finite, first at element 0");
  CHECK(std::memcmp(parameters.flat().data, before.flat().data, static_cast<std::size_t>(before.flat().bytes())) == 0);
  CHECK(training.trainer.optimizer().steps() == 1);
  CHECK(training.trainer.state().skipped == 1);
  CHECK(training.trainer.state().step == 2);

  parameters.final_norm().as<double>()[0] = kept;
  CHECK(training.trainer.step().skipped == "");
  CHECK(training.trainer.state().skipped_in_a_row == 0);
  CHECK(training.trainer.state().skipped == 1);

  parameters.final_norm().as<double>()[0] = std::numeric_limits<double>::quiet_NaN();
  training.trainer.step();
  training.trainer.step();
  CHECK(test::error_of([&] { training.trainer.step(); }) ==
        "step 6: loss nan is not finite; 3 steps were left out in a row; the first: the weight model.norm.weight has 1 value "
        "that is "
        "not finite, first at element 0. Lower the learning rate or look at the data");
}

namespace {

// Passes through what the trainer computes with, and from call `from` of an operation on changes its result.
class Fault : public OperationObserver {
 public:
  std::string operation;
  int from = 0, until = 0;  // calls, counted from 1
  std::function<void(Tensor)> damage;
  int calls = 0;

  void end(const OperationCall& call) override {
    if (call.name != operation) return;
    ++calls;
    if (calls >= from && calls < until) damage(call.tensors[0]);
  }
};

struct FaultyTraining {
  Fault fault;
  ObservedBackend backend = observe(ref_backend(), fault);
  Training training;

  explicit FaultyTraining(const TrainerConfig& config) : training(config, backend, Dtype::f64) {}
};

bool equal(const model::Parameters& a, const model::Parameters& b) {
  return std::memcmp(a.flat().data, b.flat().data, static_cast<std::size_t>(a.flat().bytes())) == 0;
}

}  // namespace

TEST_CASE("trainer: a spike of the loss is left out, counted, and joins the window; the training goes on") {
  TrainerConfig config = small_config();
  config.spikes.window = 8;
  config.spikes.max_skipped = 2;
  FaultyTraining run(config);
  Trainer& trainer = run.training.trainer;
  for (int i = 0; i < 6; ++i) CHECK(trainer.step().skipped == "");
  model::Parameters before(tiny_model(), Dtype::f64);
  before.copy_from(trainer.parameters());

  run.fault.operation = "cross_entropy";
  run.fault.from = run.fault.calls + 1;
  run.fault.until = run.fault.from + 1;
  run.fault.damage = [](Tensor losses) { losses.as<double>()[0] += 50; };
  const StepReport spike = trainer.step();
  CHECK(spike.skipped.find("deviations above the median") != std::string::npos);
  CHECK(spike.skipped.find("of 6 steps") != std::string::npos);
  CHECK(spike.not_finite == "");
  CHECK(equal(trainer.parameters(), before));
  CHECK(trainer.optimizer().steps() == 6);
  CHECK(trainer.state().skipped == 1);
  CHECK(trainer.state().recent_losses.size() == 7);
  CHECK(trainer.state().recent_losses.back() > 50);

  CHECK(trainer.step().skipped == "");
  CHECK_FALSE(equal(trainer.parameters(), before));
  for (int i = 0; i < 3; ++i) trainer.step();
  CHECK(trainer.state().recent_losses.size() == 8);
  run.fault.from = run.fault.calls + 1;
  run.fault.until = run.fault.from + 1;
  run.fault.damage = [](Tensor losses) { losses.as<double>()[0] += 5000; };
  CHECK(test::error_of([&] { trainer.step(); }).find("2 steps were left out in all. Lower") != std::string::npos);
}

TEST_CASE("trainer: a step that is not finite says where the first bad value came from") {
  FaultyTraining run(small_config());
  run.training.trainer.step();
  // The second block's u, as it is computed in the step and when the step is traced.
  run.fault.operation = "xielu_forward";
  run.fault.from = run.fault.calls + 2;
  run.fault.until = run.fault.from + 1;
  run.fault.damage = [](Tensor g) { g.as<double>()[24 * 17 + 3] = std::numeric_limits<double>::infinity(); };
  const StepReport once = run.training.trainer.step();
  CHECK(once.skipped == "loss nan is not finite");
  CHECK(once.not_finite == "computed again, all values are finite: this machine may not compute reliably");

  CHECK(run.training.trainer.step().skipped == "");
  run.fault.from = run.fault.calls + 1;
  run.fault.until = run.fault.from + 1000;
  const StepReport always = run.training.trainer.step();
  CHECK(always.not_finite == "block 0 mlp: g has 1 value that is not finite, first at token 17 (xielu_forward)");
  CHECK(run.training.trainer.step().not_finite == "");  // the same trouble, told once
}

TEST_CASE("trainer: replayed micro-batches change no bit, and a machine that computes wrongly once is found") {
  TrainerConfig config = small_config();
  Training plain(config, ref_backend(), Dtype::f64);
  config.replay_every = 2;
  FaultyTraining run(config);
  for (int i = 0; i < 3; ++i) {
    plain.trainer.step();
    run.training.trainer.step();
  }
  CHECK(equal(plain.trainer.parameters(), run.training.trainer.parameters()));
  CHECK(plain.trainer.state().trace == run.training.trainer.state().trace);
  run.fault.operation = "matmul";
  run.fault.from = run.fault.calls + 30;
  run.fault.until = run.fault.from + 1;
  run.fault.damage = [](Tensor c) { c.as<std::uint64_t>()[0] ^= 1; };  // the last bit of one number
  const std::string error = test::error_of([&] { run.training.trainer.step(); });
  CHECK(error.find("step 4: the same micro-batch gave gradients ") == 0);
  CHECK(error.find("does not compute reliably") != std::string::npos);
  CHECK(run.training.trainer.state().step == 3);
  CHECK(equal(plain.trainer.parameters(), run.training.trainer.parameters()));
}

TEST_CASE("trainer: in bfloat16 the master weights stay float32 and the loss falls as in float32") {
  TrainerConfig config = small_config();
  Training wide(config, ref_backend(), Dtype::f32);
  config.bf16 = true;
  Training narrow(config, ref_backend(), Dtype::f32);
  CHECK(narrow.trainer.parameters().dtype() == Dtype::f32);
  double wide_last = 0, narrow_last = 0, first = 0;
  for (int step = 1; step <= 40; ++step) {
    const double a = wide.trainer.step().loss, b = narrow.trainer.step().loss;
    if (step == 1) first = b;
    if (step == 1) CHECK(b == doctest::Approx(a).epsilon(0.01));
    if (step > 35) wide_last += a / 5, narrow_last += b / 5;
  }
  CHECK(narrow_last < first - 0.8);
  CHECK(narrow_last == doctest::Approx(wide_last).epsilon(0.05));
  // The masters hold more than bfloat16 can.
  std::int64_t finer = 0;
  const Tensor flat = narrow.trainer.parameters().flat();
  for (std::int64_t i = 0; i < flat.size(); ++i) finer += (flat.as<std::uint32_t>()[i] & 0xffff) != 0;
  CHECK(finer > flat.size() / 2);
}

TEST_CASE("trainer: resumed from its fields it goes on to the same bits, in every recipe") {
  std::vector<TrainerConfig> recipes(5, small_config());
  recipes[0].bf16 = true;
  recipes[1].optimizer.method = OptimizerConfig::Method::muon;
  recipes[2].optimizer.bf16_moments = true;
  recipes[3].average = WeightAverageOptions{0.9, 2};
  recipes[4].optimizer.beta1 = 0;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    const test::TemporaryFolder folder;
    Training whole(recipes[i], ref_backend(), Dtype::f32), first(recipes[i], ref_backend(), Dtype::f32),
        second(recipes[i], ref_backend(), Dtype::f32);
    for (int step = 0; step < 6; ++step) whole.trainer.step();
    for (int step = 0; step < 3; ++step) first.trainer.step();
    write_checkpoint(real_disk(), folder.path() / "c", first.trainer.model_config(), first.trainer.state_fields(),
                     Json::object());
    second.trainer.step();  // reading replaces whatever it was about
    read_checkpoint(CheckpointReader(folder.path() / "c"), second.trainer.state_fields(), Json::object());
    for (int step = 0; step < 3; ++step) second.trainer.step();
    CHECK_MESSAGE(equal(whole.trainer.parameters(), second.trainer.parameters()), "recipe ", i);
    CHECK_MESSAGE(whole.trainer.state().trace == second.trainer.state().trace, "recipe ", i);
    if (whole.trainer.average() != nullptr) {
      CHECK(equal(*whole.trainer.average(), *second.trainer.average()));
      CHECK_FALSE(equal(*whole.trainer.average(), whole.trainer.parameters()));
    }
  }
}

TEST_CASE("trainer: what is recomputed changes no bit and takes less memory") {
  TrainerConfig config = small_config();
  Training kept(config, ref_backend(), Dtype::f32);
  config.recompute = model::parse_recompute("block");
  Training recomputed(config, ref_backend(), Dtype::f32);
  for (int step = 0; step < 3; ++step) {
    kept.trainer.step();
    recomputed.trainer.step();
  }
  CHECK(equal(kept.trainer.parameters(), recomputed.trainer.parameters()));
  CHECK(recomputed.trainer.planned_bytes() < kept.trainer.planned_bytes());
}

TEST_CASE("trainer: z-loss counts in the loss and in the gradient") {
  TrainerConfig config = small_config();
  Training plain(config, ref_backend(), Dtype::f64);
  config.z_loss = 0.01;
  Training with(config, ref_backend(), Dtype::f64);
  const StepReport a = plain.trainer.step(), b = with.trainer.step();
  // At the start logits are near 0: logsumexp is near ln 40.
  CHECK(b.loss - a.loss == doctest::Approx(0.01 * std::log(40.0) * std::log(40.0)).epsilon(0.01));
  CHECK(a.grad_norm != b.grad_norm);
}

TEST_CASE("trainer: a stage computes with its rotary base, and the model says so afterwards") {
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  MemoryTokens stream{tiny_tokens(700)};
  const Loader loader({&stream}, ReadSet::plain(5, stream.size(), 12, 4, 40), {});
  const StepPlan same = Curriculum::plain(12, 4, 40).at(0);
  const auto trainer_of = [&](double theta, Curriculum curriculum) {
    model::ModelConfig model = tiny_model();
    model.rope_theta = theta;
    model::Parameters parameters(model, Dtype::f64);
    model::initialise(parameters, 1);
    for (std::int64_t layer = 0; layer < model.layers; ++layer) {  // so that attention is not flat
      ops::scale(context, parameters.layer(layer).q_norm, parameters.layer(layer).q_norm, 8);
    }
    return std::make_unique<Trainer>(context, small_config(), std::move(parameters), std::move(curriculum),
                                     [&](const StepPlan&) { return loader.batch(same); });
  };
  Stage first{"first", 12, {{4, 1}}, 0, std::nullopt, {}}, second{"second", 12, {{4, 1}}, 0, 50.0, {}};
  const auto staged = trainer_of(1000, Curriculum({first, second})), plain = trainer_of(1000, Curriculum::plain(12, 4, 2));
  const double start = staged->step().loss;
  CHECK(start == plain->step().loss);
  CHECK(staged->model_config().rope_theta == 1000);
  const auto other = trainer_of(50, Curriculum::plain(12, 4, 2));
  CHECK(other->step().loss != start);
  // Step 1 had a rate of 0, so the weights are still the first ones; all steps read one batch.
  CHECK(staged->step().loss == trainer_of(50, Curriculum::plain(12, 4, 2))->step().loss);
  CHECK(staged->model_config().rope_theta == 50);
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
