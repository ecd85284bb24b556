// Speed of the training step on the cpu backend: tokens per second, where the time goes, operation by operation and product by
// product, and the memory it took.
//   bench_train [--model PRESET] [--batch B] [--seq T] [--threads N] [--steps N] [--optimizer adamw|ademamix|muon]
//               [--precision f32|bf16] [--documents N] [--recompute none|norms|...]
// One JSON object on standard output; the table of times on standard error.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/memory_use.h"
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

// "products", "attention", "optimizer" or "elements": what a person would make faster as one thing.
std::string kind_of(const std::string& operation) {
  if (operation.starts_with("matmul")) return "products";
  if (operation.starts_with("attention")) return "attention";
  if (operation == "adamw" || operation == "ademamix" || operation == "sum_of_squares" || operation == "axpby")
    return "optimizer";
  return "elements";
}

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

// `documents` of equal length in each row, or one that fills it.
train::TokenBatch random_batch(const model::ModelConfig& shape, std::int64_t B, std::int64_t T, std::int64_t documents) {
  const Random random(1, "bench tokens");
  const train::MaskOptions masks;
  train::TokenBatch batch(B, T);
  const train::RowBuilder rows(masks);
  std::vector<std::int32_t> window(static_cast<std::size_t>(T + 1));
  for (std::int64_t row = 0; row < B; ++row) {
    for (std::size_t t = 0; t < window.size(); ++t) {
      window[t] = 4 + static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(row) * window.size() + t,
                                                             static_cast<std::uint64_t>(shape.vocab - 4)));
      if (documents > 1 && (std::int64_t(t) + 1) % (T / documents) == 0) window[t] = masks.eod;
    }
    rows.fill(batch, row, window);
  }
  return batch;
}

// The best rate of five large products, the roof of the model's: flops per second.
double measure_product_peak(Context& context, Dtype dtype) {
  constexpr std::int64_t n = 2048;
  ArenaPlan plan;
  const ArenaSlot a = plan.add("a", dtype, {n, n}), b = plan.add("b", dtype, {n, n}), c = plan.add("c", dtype, {n, n});
  const Arena arena(plan);
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const double begin = seconds_now();
    ops::matmul(context, arena.tensor(c), arena.tensor(a), Transpose::no, arena.tensor(b), Transpose::yes);
    best = std::min(best, seconds_now() - begin);
  }
  return 2.0 * n * n * n / best;
}

std::map<std::string, std::string> read_options(int argc, char** argv) {
  std::map<std::string, std::string> options{{"--model", "tiny-10m"}, {"--batch", "8"},     {"--seq", "512"},
                                             {"--threads", "2"},      {"--steps", "5"},     {"--optimizer", "adamw"},
                                             {"--precision", "f32"},  {"--documents", "1"}, {"--recompute", "none"}};
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || options.count(argv[i]) == 0) fail_usage("bench_train: '{}' is not an option with a value", argv[i]);
    options[argv[i]] = argv[i + 1];
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  auto options = read_options(argc, argv);
  const auto number = [&](const char* name) { return std::int64_t(std::stoll(options[name])); };
  const std::int64_t B = number("--batch"), T = number("--seq"), steps = number("--steps"), documents = number("--documents");
  const bool bf16 = options["--precision"] == "bf16";
  const model::ModelConfig shape = model::preset(options["--model"]);
  ThreadPool pool(int(number("--threads")));
  Times times;
  const ObservedBackend backend = observe(cpu_backend(), times);
  Context context{backend, pool};

  train::TrainerConfig config;
  config.optimizer.method = train::optimizer_method(options["--optimizer"]);
  config.schedule = {train::LearningRateSchedule::Shape::constant, 0, 1e-4, 0, 0, 0, 0};
  config.bf16 = bf16;
  config.recompute = model::parse_recompute(options["--recompute"]);
  model::Parameters parameters(shape, Dtype::f32);
  model::initialise(parameters, 28);
  train::Trainer trainer(context, config, std::move(parameters), train::Curriculum::plain(T, B, steps + 2),
                         [&](const train::StepPlan&) { return random_batch(shape, B, T, documents); });

  trainer.step();
  trainer.step();
  times.spent.clear();
  std::vector<double> rates;
  train::StepSeconds sum;
  for (std::int64_t i = 0; i < steps; ++i) {
    const train::StepReport report = trainer.step();
    rates.push_back(double(report.tokens) / report.seconds.whole);
    sum.whole += report.seconds.whole;
    sum.data += report.seconds.data;
    sum.forward += report.seconds.forward;
    sum.backward += report.seconds.backward;
    sum.clip += report.seconds.clip;
    sum.optimizer += report.seconds.optimizer;
  }
  const double peak_rss = double(peak_resident_bytes());
  print_table(times.spent, sum.whole, steps);
  std::map<std::string, double> shares;
  double inside = 0;
  for (const auto& [name, s] : times.spent) {
    shares[kind_of(name)] += s.seconds / sum.whole;
    inside += s.seconds;
  }
  shares["other"] = 1 - inside / sum.whole;

  std::vector<double> sorted = rates;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[sorted.size() / 2], flops = median * shape.train_flops_per_token(T), n = double(steps);
  Context plain{cpu_backend(), pool};
  const double products = measure_product_peak(plain, bf16 ? Dtype::bf16 : Dtype::f32);
  std::cout << Json{{"value", median},
                    {"unit", "tokens/s"},
                    {"runs", rates},
                    {"optimizer", options["--optimizer"]},
                    {"precision", options["--precision"]},
                    {"isa", cpu_isa()},
                    {"threads", pool.threads()},
                    {"gflops", flops / 1e9},
                    {"peak_gflops", measure_peak_flops(pool, bf16 ? Dtype::bf16 : Dtype::f32) / 1e9},
                    {"product_peak_gflops", products / 1e9},
                    {"share_of_product_peak", flops / products},
                    {"shares_of_time", shares},
                    {"seconds",
                     {{"data", sum.data / n},
                      {"forward", sum.forward / n},
                      {"backward", sum.backward / n},
                      {"clip", sum.clip / n},
                      {"optimizer", sum.optimizer / n}}},
                    {"planned_mb", double(trainer.planned_bytes()) / 1e6},
                    {"peak_rss_mb", peak_rss / 1048576}}
                   .dump()
            << "\n";
  return 0;
} catch (const Error& error) {
  std::cerr << "error: " << error.what() << "\n";
  return int(error.code());
}
