#include "engine/train/train_bench.h"

#include <algorithm>

#include "base/error.h"
#include "base/random.h"

namespace cairn::train {

namespace {

TokenBatch random_batch(const TrainBenchOptions& options, std::int64_t rows) {
  const std::int64_t T = options.sequence_length;
  const Random random(1, "bench tokens");
  const MaskOptions masks;
  const RowBuilder builder(masks);
  TokenBatch batch(rows, T);
  std::vector<std::int32_t> window(static_cast<std::size_t>(T + 1));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::size_t t = 0; t < window.size(); ++t) {
      const std::uint64_t index = static_cast<std::uint64_t>(row) * window.size() + t;
      window[t] = 4 + static_cast<std::int32_t>(random.below(index, static_cast<std::uint64_t>(options.model.vocab - 4)));
      if (options.documents > 1 && (static_cast<std::int64_t>(t) + 1) % (T / options.documents) == 0) window[t] = masks.eod;
    }
    builder.fill(batch, row, window);
  }
  return batch;
}

void add(StepSeconds& sum, const StepSeconds& one, double share) {
  for (double StepSeconds::*part : {&StepSeconds::data, &StepSeconds::forward, &StepSeconds::backward, &StepSeconds::replay,
                                    &StepSeconds::clip, &StepSeconds::optimizer, &StepSeconds::whole}) {
    sum.*part += one.*part * share;
  }
}

}  // namespace

double TrainBench::median() const {
  std::vector<double> sorted = tokens_per_second;
  std::sort(sorted.begin(), sorted.end());
  return sorted.empty() ? 0 : sorted[sorted.size() / 2];
}

double TrainBench::floor_of(const OperationTime& operation) const {
  const double rate = operation.name.starts_with("matmul_fp8") ? 2 * product_flops : product_flops;  // as data sheets have it
  return std::max(operation.flops / rate, operation.bytes / bytes_per_second);
}

TrainBench run_train_bench(ComputeDevice& device, ThreadPool& threads, const TrainBenchOptions& options) {
  if (options.documents < 1 || options.sequence_length % options.documents != 0)
    fail_usage("{} documents do not share {} tokens evenly", options.documents, options.sequence_length);
  if (options.model.vocab < 8) fail_usage("a vocabulary of {} is too small to measure with", options.model.vocab);
  TrainBench result;
  result.device = device.name();
  result.peak_flops = device.measure_peak_flops(threads, options.bf16 ? Dtype::bf16 : Dtype::f32);
  result.product_flops = device.measure_product_flops(threads, options.bf16 ? Dtype::bf16 : Dtype::f32);
  result.bytes_per_second = device.measure_copy_rate(threads);
  result.model_flops =
      static_cast<double>(options.batch * options.sequence_length) * options.model.train_flops_per_token(options.sequence_length);

  if (options.fp8) {
    TrainingNeeds needs;
    needs.model = options.model;
    needs.batch = options.batch;
    needs.micro_batch = options.micro_batch;
    needs.sequence_length = options.sequence_length;
    result.fp8 = fp8_traffic(needs);
  }

  TrainerConfig config;
  config.optimizer = options.optimizer;
  config.schedule = {LearningRateSchedule::Shape::constant, 0, 1e-4, 0, 0, 0, 0};
  config.bf16 = options.bf16;
  config.fp8 = options.fp8;
  config.recompute = options.recompute;
  config.offload = options.offload;
  model::Parameters parameters(options.model, Dtype::f32);
  model::initialise(parameters, 28);

  OperationTimes times(options.documents);
  const Context plain = device.context(threads);
  const ObservedBackend watched = observe(plain.backend, times);
  Context context{watched, threads, plain.queue};
  constexpr std::int64_t kWarmUp = 2;
  const std::int64_t steps = kWarmUp + 2 * options.steps;
  Trainer trainer(context, config, std::move(parameters),
                  Curriculum::plain(options.sequence_length, options.batch, steps, options.micro_batch),
                  [&](const StepPlan& plan) { return random_batch(options, plan.batch); });
  result.planned_bytes = trainer.planned_bytes();

  for (std::int64_t i = 0; i < kWarmUp; ++i) trainer.step();
  for (std::int64_t i = 0; i < options.steps; ++i) {
    const StepReport report = trainer.step();
    result.tokens_per_second.push_back(static_cast<double>(report.tokens) / (report.seconds.whole - report.seconds.data));
    add(result.seconds, report.seconds, 1.0 / static_cast<double>(options.steps));
    result.loss = report.loss;
  }
  if (!options.operations) return result;
  times.watch(make_work_clock(plain));
  for (std::int64_t i = 0; i < options.steps; ++i, ++result.watched_steps) {
    trainer.step();
    times.read();
  }
  result.operations = times.operations();
  result.between = times.between();
  return result;
}

}  // namespace cairn::train
