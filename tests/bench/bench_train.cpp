// Speed of the training step on the cpu backend: tokens per second, and where the time goes, operation by operation and product
// by product.
//   bench_train [PRESET] [BATCH] [SEQUENCE_LENGTH] [THREADS] [STEPS] [adamw|ademamix]
// One JSON object on standard output; the table of times on standard error.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/format.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/model/config.h"
#include "engine/train/trainer.h"
#include "kernels/cpu/peak.h"
#include "kernels/observed_backend.h"

using namespace cairn;

namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Spent {
  double seconds = 0, flops = 0;
  std::int64_t calls = 0;
};

// The time spent in each operation, products by shape.
class Times : public OperationObserver {
 public:
  std::map<std::string, Spent> spent;

  void begin(const OperationCall&) override { began_ = seconds_now(); }
  void end(const OperationCall& call) override {
    const double seconds = seconds_now() - began_;
    Spent& to = spent[name_of(call)];
    to.seconds += seconds;
    to.flops += flops_of(call);
    ++to.calls;
  }

 private:
  static bool is_product(const OperationCall& call) { return std::string_view(call.name) == "matmul"; }
  static std::int64_t inner(const OperationCall& call) {
    return call.tensors[1].shape[call.transposes[0] == Transpose::yes ? 0 : 1];
  }
  static double flops_of(const OperationCall& call) {
    const auto& c = call.tensors[0].shape;
    return is_product(call) ? 2.0 * double(c[0]) * double(c[1]) * double(inner(call)) : 0;
  }
  static std::string name_of(const OperationCall& call) {
    if (!is_product(call)) return call.name;
    const char* form = call.transposes[0] == Transpose::yes ? "TN" : call.transposes[1] == Transpose::yes ? "NT" : "NN";
    const auto& c = call.tensors[0].shape;
    return fmt::format("matmul {} {}x{}x{}{}", form, c[0], c[1], inner(call), call.accumulate ? " +=" : "");
  }

  double began_ = 0;
};

void print_table(const std::map<std::string, Spent>& spent, double total, std::int64_t steps) {
  TextTable table({"operation", "ms/step", "share", "calls/step", "GFLOP/s"});
  std::vector<std::pair<std::string, Spent>> rows(spent.begin(), spent.end());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  double rest = total;
  for (const auto& [name, s] : rows) {
    rest -= s.seconds;
    table.add({name, fmt::format("{:.2f}", 1e3 * s.seconds / double(steps)), fmt::format("{:.1f}%", 100 * s.seconds / total),
               std::to_string(s.calls / steps), s.flops > 0 ? fmt::format("{:.1f}", s.flops / s.seconds / 1e9) : ""});
  }
  table.add({"(outside of operations)", fmt::format("{:.2f}", 1e3 * rest / double(steps)),
             fmt::format("{:.1f}%", 100 * rest / total), "", ""});
  std::cerr << table.render();
}

train::TokenBatch random_batch(const model::ModelConfig& shape, std::int64_t B, std::int64_t T) {
  const Random random(1, "bench tokens");
  train::TokenBatch batch(B, T);
  train::RowBuilder rows(train::MaskOptions{});
  std::vector<std::int32_t> window(static_cast<std::size_t>(T + 1));
  for (std::int64_t row = 0; row < B; ++row) {
    for (std::size_t t = 0; t < window.size(); ++t) {
      window[t] = 4 + static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(row) * window.size() + t,
                                                             static_cast<std::uint64_t>(shape.vocab - 4)));
    }
    rows.fill(batch, row, window);
  }
  return batch;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, const char* otherwise) { return std::string(argc > i ? argv[i] : otherwise); };
  const std::string preset = argument(1, "tiny-10m"), optimizer = argument(6, "adamw");
  const std::int64_t B = std::stoll(argument(2, "8")), T = std::stoll(argument(3, "512")), steps = std::stoll(argument(5, "5"));
  const model::ModelConfig shape = model::preset(preset);
  ThreadPool pool(std::stoi(argument(4, "2")));
  const double peak = measure_peak_flops(pool);
  Times times;
  const ObservedBackend backend = observe(cpu_backend(), times);
  Context context{backend, pool};

  train::TrainerConfig config;
  config.optimizer.method = train::optimizer_method(optimizer);
  config.schedule = {train::LearningRateSchedule::Shape::constant, 0, 1e-4, 0, 0, 0, 0};
  model::Parameters parameters(shape, Dtype::f32);
  model::initialise(parameters, 28);
  train::Trainer trainer(context, config, std::move(parameters), train::Curriculum::plain(T, B, steps + 2),
                         [&](const train::StepPlan&) { return random_batch(shape, B, T); });

  trainer.step();
  trainer.step();
  times.spent.clear();
  std::vector<double> rates;
  double total = 0, model_seconds = 0, optimizer_seconds = 0;
  for (std::int64_t i = 0; i < steps; ++i) {
    const train::StepReport report = trainer.step();
    rates.push_back(double(report.tokens) / report.seconds.whole);
    total += report.seconds.whole;
    model_seconds += report.seconds.model;
    optimizer_seconds += report.seconds.clip + report.seconds.optimizer;
  }
  print_table(times.spent, total, steps);
  std::sort(rates.begin(), rates.end());
  const double median = rates[rates.size() / 2], flops = shape.train_flops_per_token(T);
  std::cout << Json{{"value", median},
                    {"unit", "tokens/s"},
                    {"runs", rates},
                    {"optimizer", optimizer},
                    {"isa", cpu_isa()},
                    {"threads", pool.threads()},
                    {"gflops", median * flops / 1e9},
                    {"peak_gflops", peak / 1e9},
                    {"mfu", median * flops / peak},
                    {"model_s", model_seconds / double(steps)},
                    {"optimizer_s", optimizer_seconds / double(steps)}}
                   .dump()
            << "\n";
  return 0;
}
