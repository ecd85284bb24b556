// Training and generation on a device, whole: kernels under emulation, in memory that the host cannot reach (emulated_device.h).
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <limits>

#include "engine/infer/sequence.h"
#include "engine/model/family.h"
#include "engine/model/forward.h"
#include "engine/model/hf_folder.h"
#include "engine/train/checkpoint_folder.h"
#include "engine/train/device_table.h"
#include "engine/train/train_bench.h"
#include "kernels/arena.h"
#include "kernels/bf16.h"
#include "tests/engine/train/tiny_training.h"
#include "tests/gpu/emulated_device.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

using namespace cairn::train;

constexpr std::int64_t kSteps = 3;

model::ModelConfig small_llama() {
  model::ModelConfig config = tiny_model();
  config.architecture = model::facts_of(model::Family::llama).architecture;
  config.architecture.qkv_bias = config.architecture.output_bias = config.architecture.mlp_bias = true;
  config.architecture.tied_embeddings = true;
  return config;
}

// Every feature at once, but for the optimizer and the type.
TrainerConfig all_features(OptimizerConfig::Method method, bool bf16) {
  TrainerConfig config;
  config.optimizer.method = method;
  config.optimizer.alpha_warmup = config.optimizer.beta3_warmup = 6;
  config.optimizer.bf16_moments = bf16;
  config.schedule = {LearningRateSchedule::Shape::constant, 0, 0.01, 0, 0, 0, 0};
  config.clip = 0.5;
  config.bf16 = bf16;
  config.z_loss = 1e-3;
  config.average = WeightAverageOptions{0.9, 1};
  config.recompute = model::parse_recompute("mlp+attention");
  config.replay_every = 2;
  return config;
}

struct TinyRun {
  ThreadPool pool{1};
  Context context;
  MemoryTokens stream{tiny_tokens(400)};
  Loader loader{{&stream}, ReadSet::plain(5, stream.size(), 8, 3, 20), MaskOptions{.goldfish = GoldfishParams{4, 5}}};
  std::function<void(TokenBatch&)> spoil;
  Trainer trainer;

  TinyRun(Context (*context_of)(ThreadPool&, EmulatedDevice*), EmulatedDevice* device, const model::ModelConfig& model,
          const TrainerConfig& config)
      : context(context_of(pool, device)),
        trainer(context, config, start(model), Curriculum::plain(8, 3, 20, 2), [this](const StepPlan& plan) {
          TokenBatch batch = loader.batch(plan);
          if (spoil) spoil(batch);
          return batch;
        }) {}
  static model::Parameters start(const model::ModelConfig& model) {
    model::Parameters parameters(model, Dtype::f32);
    model::initialise(parameters, 1);
    return parameters;
  }
  double run_until(std::int64_t step) {
    double loss = 0;
    while (trainer.state().step < step) loss = trainer.step().loss;
    return loss;
  }
  void write(const fs::path& folder) {
    write_checkpoint(real_disk(), folder, trainer.model_config(), trainer.state_fields(), kFacts);
  }
  void read(const fs::path& folder) { read_checkpoint(CheckpointReader(folder), trainer.state_fields(), kFacts); }
};

Context on_device(ThreadPool& pool, EmulatedDevice* device) {
  return device->context(pool);
}
Context on_reference(ThreadPool& pool, EmulatedDevice*) {
  return {ref_backend(), pool};
}

// All that a training holds, as numbers, from where it lies.
std::vector<double> numbers_of(Trainer& trainer) {
  std::vector<double> all;
  for (const StateField& field : trainer.state_fields()) {
    const auto* tensors = std::get_if<StateField::Tensors>(&field.value);
    if (tensors == nullptr || field.name == "momentum") continue;
    for (const model::NamedTensor& named : *tensors) {
      in_waves(named.tensor, [&](const Tensor& part) {
        for (std::int64_t i = 0; i < part.size(); ++i) {
          all.push_back(part.dtype == Dtype::f32 ? static_cast<double>(part.as<float>()[i])
                                                 : static_cast<double>(static_cast<float>(part.as<Bf16>()[i])));
        }
      });
    }
  }
  return all;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

struct Case {
  const char* name;
  model::ModelConfig model;
  OptimizerConfig::Method method;
  bool bf16;
};
const std::vector<Case>& cases() {
  using Method = OptimizerConfig::Method;
  static const std::vector<Case> all{
      {"apertus, AdEMAMix", tiny_model(), Method::ademamix, false},
      {"apertus, AdEMAMix, bf16", tiny_model(), Method::ademamix, true},
      {"apertus, Muon", tiny_model(), Method::muon, false},
      {"llama, AdamW", small_llama(), Method::adamw, false},
      {"llama, Muon, bf16", small_llama(), Method::muon, true},
  };
  return all;
}

}  // namespace

TEST_CASE("memory of a device is reached by kernels and copies alone") {
  EmulatedDevice device;
  ArenaPlan plan;
  const ArenaSlot slot = plan.add("x", Dtype::f32, {3, 2});
  Arena arena(plan, &device.memory());
  const Tensor there = arena.tensor(slot);
  CHECK(there.memory == &device.memory());
  std::vector<float> numbers{1, 2, 3, 4, 5, 6}, back(6);
  const Tensor here(numbers.data(), Dtype::f32, {3, 2}), returned(back.data(), Dtype::f32, {3, 2});
  copy(there, here);
  copy(returned, there.reshape({2, 3}));
  CHECK(back == numbers);
  zero(there.rows(1, 2));
  copy(there.rows(2, 3), there.rows(0, 1));
  copy(returned, there);
  CHECK(back == std::vector<float>{1, 2, 0, 0, 1, 2});
  CHECK(error_of([&] { copy(there, here.rows(0, 2)); }) == "float32 [2, 2] cannot be copied to float32 [3, 2]");

  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    const volatile float* number = there.as<float>();
    [[maybe_unused]] const float followed = *number;
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("a training on a device agrees with the reference") {
  for (const Case& each : cases()) {
    CAPTURE(each.name);
    EmulatedDevice device;
    TinyRun there(on_device, &device, each.model, all_features(each.method, each.bf16));
    TinyRun here(on_reference, nullptr, each.model, all_features(each.method, each.bf16));
    const double loss = there.run_until(kSteps), expected = here.run_until(kSteps);
    // float32: sums in another order. bfloat16: an activation that falls on the other side of a rounding moves a loss by some
    // thousandths, and an update by AdamW of a gradient near zero by its whole step.
    CHECK(loss == doctest::Approx(expected).epsilon(each.bf16 ? 5e-3 : 2e-5));
    CHECK(largest_difference(numbers_of(there.trainer), numbers_of(here.trainer)) < (each.bf16 ? 0.06 : 2e-3));
    CHECK(there.trainer.state().skipped == 0);
  }
}

TEST_CASE("a training on a device gives the same bits when it is resumed") {
  for (const Case& each : cases()) {
    if (!each.bf16) continue;  // with all roundings
    CAPTURE(each.name);
    const TrainerConfig config = all_features(each.method, each.bf16);
    TemporaryFolder folder;
    EmulatedDevice device;
    {
      TinyRun whole(on_device, &device, each.model, config);
      whole.run_until(1);
      whole.write(folder.path() / "half");
      whole.run_until(kSteps);
      whole.write(folder.path() / "whole");
    }
    TinyRun resumed(on_device, &device, each.model, config);
    resumed.read(folder.path() / "half");
    resumed.run_until(kSteps);
    resumed.write(folder.path() / "resumed");
    const auto bytes = bytes_of(folder.path() / "whole");
    CHECK(bytes == bytes_of(folder.path() / "resumed"));
    CHECK(bytes != bytes_of(folder.path() / "half"));
  }
}

TEST_CASE("a training whose passes are recorded gives the bits of one whose are not, and traces as well") {
  TemporaryFolder folder;
  EmulatedDevice device;
  TrainerConfig config = all_features(OptimizerConfig::Method::adamw, false);
  config.replay_every = 0;
  TinyRun plain(on_device, &device, small_llama(), config);
  config.graphs = true;
  TinyRun recorded(on_device, &device, small_llama(), config);
  plain.run_until(kSteps);
  CHECK(device.graphs_run() == 0);
  recorded.run_until(kSteps);
  CHECK(device.graphs_run() == 2 * 2 * (kSteps - 1));  // forward and backward of two micro-batches of unlike size
  plain.write(folder.path() / "plain");
  recorded.write(folder.path() / "recorded");
  CHECK(bytes_of(folder.path() / "plain") == bytes_of(folder.path() / "recorded"));

  const Tensor row = recorded.trainer.parameters().layer(1).w_up.rows(3, 4);
  std::vector<float> huge(static_cast<std::size_t>(row.size()), 1e38f);
  copy(row, Tensor(huge.data(), Dtype::f32, {row.size()}));
  CHECK(recorded.trainer.step().not_finite.starts_with("block 1 mlp"));
}

TEST_CASE("a training on a device that records nothing does its passes as they are, to the same bits") {
  TemporaryFolder folder;
  EmulatedDevice device;
  TrainerConfig config = all_features(OptimizerConfig::Method::adamw, true);
  config.replay_every = 0;
  config.offload = parse_offload("all");
  TinyRun plain(on_device, &device, tiny_model(), config);
  plain.run_until(kSteps);
  plain.write(folder.path() / "plain");
  config.graphs = true;
  device.refuse_to_record("this driver records nothing");
  TinyRun refused(on_device, &device, tiny_model(), config);
  refused.run_until(kSteps);
  refused.write(folder.path() / "refused");
  CHECK(device.graphs_run() == 0);
  CHECK(bytes_of(folder.path() / "plain") == bytes_of(folder.path() / "refused"));
}

TEST_CASE("8-bit products on a device agree with the reference, recorded, resumed and with a host beside it") {
  TrainerConfig config = all_features(OptimizerConfig::Method::ademamix, true);
  config.replay_every = 0;
  config.fp8 = true;
  TemporaryFolder folder;
  EmulatedDevice device;
  TinyRun there(on_device, &device, tiny_model(), config), here(on_reference, nullptr, tiny_model(), config);
  there.run_until(1);
  there.write(folder.path() / "half");
  CHECK(there.run_until(kSteps) == doctest::Approx(here.run_until(kSteps)).epsilon(0.01));
  there.write(folder.path() / "whole");
  config.graphs = true;
  config.offload = parse_offload("all");
  TinyRun resumed(on_device, &device, tiny_model(), config);
  resumed.read(folder.path() / "half");
  resumed.run_until(kSteps);
  resumed.write(folder.path() / "resumed");
  CHECK(bytes_of(folder.path() / "resumed") == bytes_of(folder.path() / "whole"));
}

TEST_CASE("a step waits for its losses once, and for its gradient norm") {
  EmulatedDevice device;
  TrainerConfig config = all_features(OptimizerConfig::Method::adamw, false);
  config.replay_every = 0;
  TinyRun run(on_device, &device, tiny_model(), config);
  run.run_until(1);
  const int before = device.reads();
  run.run_until(2);  // of two micro-batches
  CHECK(device.reads() - before == 2);
}

TEST_CASE("what lies on the host beside a device gives the same bits, and a run goes on from one placement to another") {
  model::ModelConfig deep = tiny_model();
  deep.layers = 5;  // inputs of three blocks travel
  struct Placed {
    bool bf16;
    const char *recompute, *offload;
    bool graphs;
  };
  for (const auto& [bf16, recompute, offload, graphs] :
       {Placed{false, "none", "moments+residuals", false}, Placed{true, "none", "masters", false},
        Placed{true, "block", "all", true}}) {
    CAPTURE(offload);
    TrainerConfig config = all_features(OptimizerConfig::Method::ademamix, bf16);
    config.recompute = model::parse_recompute(recompute);
    config.replay_every = 0;
    TemporaryFolder folder;
    EmulatedDevice device;
    TinyRun whole(on_device, &device, deep, config);
    whole.run_until(1);
    whole.write(folder.path() / "half");
    whole.run_until(kSteps);
    whole.write(folder.path() / "whole");
    config.offload = parse_offload(offload);
    config.graphs = graphs;
    TinyRun beside(on_device, &device, deep, config), resumed(on_device, &device, deep, config);
    CHECK(beside.trainer.parameters().flat().on_host() == config.offload.masters);
    CHECK(beside.trainer.optimizer().moments()[0].tensors[0].tensor.on_host() == config.offload.moments);
    beside.run_until(1);
    beside.write(folder.path() / "half beside");
    beside.run_until(kSteps);
    beside.write(folder.path() / "beside");
    resumed.read(folder.path() / "half");
    resumed.run_until(kSteps);
    resumed.write(folder.path() / "resumed");
    CHECK(bytes_of(folder.path() / "half beside") == bytes_of(folder.path() / "half"));
    CHECK(bytes_of(folder.path() / "beside") == bytes_of(folder.path() / "whole"));
    CHECK(bytes_of(folder.path() / "resumed") == bytes_of(folder.path() / "whole"));
  }
}

TEST_CASE("Muon's matrices and moments that are not kept come from the host as well") {
  for (const bool muon : {false, true}) {
    TrainerConfig config = all_features(muon ? OptimizerConfig::Method::muon : OptimizerConfig::Method::adamw, true);
    if (!muon) config.optimizer.beta1 = 0;
    TemporaryFolder folder;
    EmulatedDevice device;
    TinyRun plain(on_device, &device, small_llama(), config);
    config.offload = parse_offload("all");
    TinyRun beside(on_device, &device, small_llama(), config);
    plain.run_until(kSteps);
    beside.run_until(kSteps);
    plain.write(folder.path() / "plain");
    beside.write(folder.path() / "beside");
    CHECK(bytes_of(folder.path() / "plain") == bytes_of(folder.path() / "beside"));
  }
}

TEST_CASE("only a device has a place beside it, and only bf16 has masters that do not compute") {
  TrainerConfig config = all_features(OptimizerConfig::Method::adamw, false);
  config.offload = parse_offload("moments");
  CHECK(error_of([&] {
          TinyRun(on_reference, nullptr, tiny_model(), config);
        }).find("offload moments: a cpu computes where all of it lies") != std::string::npos);
  config.offload = parse_offload("masters");
  EmulatedDevice device;
  CHECK(error_of([&] { TinyRun(on_device, &device, tiny_model(), config); }).find("only bf16 has weights beside them") !=
        std::string::npos);
  CHECK(error_of([] { parse_offload("moment"); }) ==
        "offload: expected none, or moments, masters, residuals joined by +, or all; found 'moment'");
}

TEST_CASE("a checkpoint from a device is one like any other: read on the host, and written there, it has the same bytes") {
  const TrainerConfig config = all_features(OptimizerConfig::Method::ademamix, true);
  TemporaryFolder folder;
  EmulatedDevice device;
  TinyRun there(on_device, &device, tiny_model(), config);
  there.run_until(1);
  there.write(folder.path() / "device");
  CHECK(checkpoint_damage(folder.path() / "device") == "");
  TinyRun here(on_reference, nullptr, tiny_model(), config);
  here.read(folder.path() / "device");
  here.write(folder.path() / "host");
  CHECK(bytes_of(folder.path() / "device") == bytes_of(folder.path() / "host"));

  model::write_hf_folder(real_disk(), folder.path() / "model-device", *there.trainer.average(), model::StoredType::bf16);
  model::write_hf_folder(real_disk(), folder.path() / "model-host", *here.trainer.average(), model::StoredType::bf16);
  CHECK(bytes_of(folder.path() / "model-device") == bytes_of(folder.path() / "model-host"));
}

TEST_CASE("checkpoints of a device are copied behind the training, which waits with its next update") {
  const TrainerConfig config = all_features(OptimizerConfig::Method::ademamix, false);
  for (const std::uint64_t staging : {std::uint64_t(1) << 30, std::uint64_t(6000)}) {  // all of the state, a part of it
    TemporaryFolder folder;
    EmulatedDevice device;
    TinyRun run(on_device, &device, tiny_model(), config), other(on_device, &device, tiny_model(), config);
    CheckpointFolder checkpoints(real_disk(), folder.path() / "run", run.pool, {.keep = 5, .staging_bytes = staging});
    int released = 0;
    run.trainer.before_update([&] {
      checkpoints.release_state();
      ++released;
    });
    for (std::int64_t step = 1; step <= 2; ++step) {
      run.run_until(step);
      checkpoints.save(tiny_model(), run.trainer.state_fields(), kFacts);
    }
    checkpoints.wait();
    CHECK(released == 2);
    for (std::int64_t step = 1; step <= 2; ++step) {
      other.run_until(step);
      const fs::path plain = folder.path() / ("plain" + std::to_string(step));
      other.write(plain);
      CHECK(bytes_of(plain) == bytes_of(checkpoints.path_of(step)));
    }
    TinyRun resumed(on_device, &device, tiny_model(), config);
    CHECK(checkpoints.resume(resumed.trainer.state_fields(), kFacts));
    CHECK(resumed.trainer.state().step == 2);
  }
}

TEST_CASE("the first value that is not finite is found on a device too") {
  TrainerConfig config = all_features(OptimizerConfig::Method::adamw, false);
  std::vector<std::string> found;
  EmulatedDevice device;
  TinyRun there(on_device, &device, tiny_model(), config), here(on_reference, nullptr, tiny_model(), config);
  for (TinyRun* run : {&there, &here}) {
    const Tensor row = run->trainer.parameters().layer(1).w_up.rows(3, 4);
    std::vector<float> huge(static_cast<std::size_t>(row.size()), 1e38f);
    copy(row, Tensor(huge.data(), Dtype::f32, {row.size()}));
    found.push_back(run->trainer.step().not_finite);
  }
  for (const std::string& text : found) CHECK(text.starts_with("block 1 mlp: u has "));  // how many depends on the order of sums
}

TEST_CASE("an index that is none is refused before it goes to the device, with its place") {
  EmulatedDevice device;
  TinyRun run(on_device, &device, tiny_model(), all_features(OptimizerConfig::Method::adamw, false));
  const auto error_with = [&](std::function<void(TokenBatch&)> spoil) {
    run.spoil = std::move(spoil);
    return error_of([&] { run.trainer.step(); });
  };
  CHECK(error_with([](TokenBatch& b) { b.tokens[11] = 40; }) == "batch: token 40 at token 3 of row 1 is outside [0, 40)");
  CHECK(error_with([](TokenBatch& b) { b.positions[9] = -1; }) == "batch: position -1 at token 1 of row 1 is outside [0, 8)");
  CHECK(error_with([](TokenBatch& b) { b.first_key[2] = 3; }) == "batch: first key 3 at token 2 of row 0 is outside [0, 3)");
  CHECK(error_with([](TokenBatch& b) {
          b.labels[0] = -7;
          b.weights[0] = 1;
        }) == "batch: target -7 at token 0 of row 0 is outside [0, 40)");
  run.spoil = nullptr;
  CHECK(std::isfinite(run.trainer.step().loss));
}

TEST_CASE("a device is measured operation by operation, and each has its floor") {
  TrainBenchOptions options;
  options.model = tiny_model();
  options.batch = 3;
  options.micro_batch = 2;
  options.sequence_length = 8;
  options.steps = 1;
  options.optimizer.method = OptimizerConfig::Method::ademamix;
  ThreadPool pool(1);
  const auto device = open_compute_device("cuda:0"), processor = open_compute_device("cpu");
  for (ComputeDevice* each : {device.get(), processor.get()}) {
    const TrainBench bench = run_train_bench(*each, pool, options);
    CHECK(bench.device == each->name());
    CHECK(bench.median() > 0);
    CHECK(bench.planned_bytes > 0);
    const StepSeconds& s = bench.seconds;
    CHECK(s.data + s.forward + s.backward + s.clip + s.optimizer <= s.whole * 1.001);
    for (const double part : {s.forward, s.backward, s.clip, s.optimizer}) CHECK(part > 0);
    double products = 0;
    std::int64_t updates = 0;
    for (const OperationTime& operation : bench.operations) {
      if (operation.name.starts_with("matmul")) products += operation.flops;
      if (operation.name == "ademamix") updates = operation.calls;
      CHECK(operation.seconds > 0);
      CHECK(bench.floor_of(operation) > 0);
    }
    CHECK(products == 6.0 * 24 * static_cast<double>(options.model.matmul_parameters()));  // three products a weight and token
    CHECK(updates == static_cast<std::int64_t>(TinyRun::start(options.model).all().size()));
  }
  options.offload = parse_offload("all");
  options.fp8 = true;
  const TrainBench narrow = run_train_bench(*device, pool, options);
  CHECK(narrow.median() > 0);
  // Of 2 layers in 2 passes: attention's output and 6 gradients; norms and xIELU take theirs on the way; and 6 weights, once.
  std::map<std::string, std::int64_t> calls;
  for (const OperationTime& operation : narrow.operations) calls[operation.name] += operation.calls;
  CHECK(calls["absolute_max"] == 2 * (2 * (1 + 6) + 6));
  CHECK(calls["quantize"] == 2 * (2 * (2 * 4 + 6) + 6));
  CHECK(calls["rmsnorm_forward_amax"] == 2 * 2);
  CHECK(calls["xielu_forward_amax"] == 2 * 2);
  REQUIRE(narrow.fp8);
  CHECK(narrow.fp8->bytes > 0);
  CHECK(narrow.fp8->saved > 0);
  options.documents = 3;
  CHECK(error_of([&] { run_train_bench(*device, pool, options); }) == "3 documents do not share 8 tokens evenly");
}

TEST_CASE("a GPU is found among the data sheets by what its driver calls it") {
  const auto sheet = [](const char* name) {
    const DeviceFacts* found = device_by_title(name);
    return found == nullptr ? std::string() : found->title;
  };
  CHECK(sheet("NVIDIA H200").starts_with("NVIDIA H200"));
  CHECK(sheet("NVIDIA GH200 480GB").starts_with("NVIDIA GH200"));
  CHECK(sheet("NVIDIA H100 80GB HBM3").starts_with("NVIDIA H100"));
  CHECK(sheet("AMD EPYC 9654") == "");
}

TEST_CASE("a sequence on a device reads as on the host") {
  EmulatedDevice device;
  ThreadPool pool(1);
  for (const model::ModelConfig& config : {tiny_model(), small_llama()}) {
    const model::Parameters here = TinyRun::start(config);
    const model::Parameters there = model::moved_to(&device.memory(), TinyRun::start(config));
    Context reference{ref_backend(), pool}, gpu = device.context(pool);
    infer::Sequence on_host(reference, here, 24), on_gpu(gpu, there, 24);
    const std::vector<std::int32_t> tokens = tiny_tokens(20);
    std::vector<std::vector<float>> logits[2];
    infer::Sequence* sequences[] = {&on_host, &on_gpu};
    for (int i = 0; i < 2; ++i) {
      const auto keep = [&](std::int64_t, std::span<const float> row) { logits[i].emplace_back(row.begin(), row.end()); };
      sequences[i]->extend(std::span(tokens).first(13), 5, keep);
      sequences[i]->truncate(12);
      for (std::size_t t = 12; t < tokens.size(); ++t) sequences[i]->extend(std::span(tokens).subspan(t, 1), 0, keep);
    }
    REQUIRE(logits[0].size() == logits[1].size());
    double largest = 0;
    for (std::size_t row = 0; row < logits[0].size(); ++row) {
      for (std::size_t v = 0; v < logits[0][row].size(); ++v) {
        largest = std::max(largest, static_cast<double>(std::abs(logits[0][row][v] - logits[1][row][v])));
      }
    }
    CHECK(largest < 1e-6);
    const std::vector<std::int32_t> wrong{40};
    CHECK(error_of([&] { on_gpu.extend(wrong, 0, [](std::int64_t, std::span<const float>) {}); }) ==
          "token 40 is outside the vocabulary of 40");
  }
}

}  // namespace cairn::test
