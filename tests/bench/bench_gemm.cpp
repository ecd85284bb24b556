// Times matrix products of the cpu backend: a square one and those of a training step of tiny-10m (8 x 512 tokens) and small-60m
// (4 x 512): forward y = x W^T, gradient of the input dx = dy W, and gradient of the weights dW += dy^T x in float32. One JSON
// line each, the best and the median of many runs, and the multiply-add peaks of the same run.
//
//   bench_gemm [--type f32|bf16] [--only TEXT] [--isa NAME] [--threads N] [--seconds S]
#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/arena.h"
#include "kernels/backend.h"
#include "kernels/bf16.h"
#include "kernels/cpu/peak.h"

namespace cairn::bench {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Product {
  std::string form;  // "nt": op(a) = a, op(b) = b transposed; "_add": accumulates
  std::int64_t M, N, K;
  bool weights;  // a gradient of weights: float32 whatever the operands
};

std::vector<Product> products() {
  std::vector<Product> list{{"nn", 2048, 2048, 2048, false}};
  const auto linear = [&](std::int64_t tokens, std::int64_t in, std::int64_t out) {
    list.push_back({"nt", tokens, out, in, false});
    list.push_back({"nn", tokens, in, out, false});
    list.push_back({"tn_add", out, in, tokens, true});
  };
  for (const auto& [in, out] : std::vector<std::pair<int, int>>{{256, 1344}, {1344, 256}, {256, 256}, {256, 128}, {256, 8192}}) {
    linear(4096, in, out);
  }
  for (const auto& [in, out] : std::vector<std::pair<int, int>>{{512, 2688}, {2688, 512}, {512, 512}, {512, 256}, {512, 32768}}) {
    linear(2048, in, out);
  }
  return list;
}

void fill(const Tensor& tensor) {
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    const float value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f;
    if (tensor.dtype == Dtype::bf16) {
      tensor.as<Bf16>()[i] = Bf16(value);
    } else {
      tensor.as<float>()[i] = value;
    }
  }
}

void measure(const Product& p, bool bf16, Context& context, double seconds) {
  const Dtype type = bf16 ? Dtype::bf16 : Dtype::f32;
  const Transpose ta = p.form[0] == 't' ? Transpose::yes : Transpose::no, tb = p.form[1] == 't' ? Transpose::yes : Transpose::no;
  const bool accumulate = p.form.size() > 2;
  ArenaPlan plan;
  const ArenaSlot a = ta == Transpose::yes ? plan.add("a", type, {p.K, p.M}) : plan.add("a", type, {p.M, p.K});
  const ArenaSlot b = tb == Transpose::yes ? plan.add("b", type, {p.N, p.K}) : plan.add("b", type, {p.K, p.N});
  const ArenaSlot c = plan.add("c", p.weights ? Dtype::f32 : type, {p.M, p.N});
  Arena arena(plan);
  fill(arena.tensor(a));
  fill(arena.tensor(b));
  fill(arena.tensor(c));
  std::vector<double> runs;
  const auto run = [&] {
    context.backend.matmul(context, arena.tensor(c), arena.tensor(a), ta, arena.tensor(b), tb, accumulate);
  };
  run();
  const Clock::time_point start = Clock::now();
  while (runs.size() < 5 || (seconds_since(start) < seconds && runs.size() < 300)) {
    const Clock::time_point begin = Clock::now();
    run();
    runs.push_back(seconds_since(begin));
  }
  std::sort(runs.begin(), runs.end());
  const double flops = 2e-9 * static_cast<double>(p.M) * static_cast<double>(p.N) * static_cast<double>(p.K);
  fmt::print(R"({{"form": "{}", "M": {}, "N": {}, "K": {}, "type": "{}", "gflops": {:.1f}, "median": {:.1f}, "isa": "{}"}})"
             "\n",
             p.form, p.M, p.N, p.K, bf16 ? "bf16" : "f32", flops / runs.front(), flops / runs[runs.size() / 2],
             context.backend.isa);
  std::fflush(stdout);
}

int bench(int argc, char** argv) {
  std::string type, only, isa;
  int threads = 0;
  double seconds = 0.4;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--type") {
      type = value;
    } else if (name == "--only") {
      only = value;
    } else if (name == "--isa") {
      isa = value;
    } else if (name == "--threads") {
      threads = std::atoi(value.c_str());
    } else if (name == "--seconds") {
      seconds = std::atof(value.c_str());
    } else {
      fail_usage("unknown option {}", name);
    }
  }
  ThreadPool pool(threads);
  Context context{isa.empty() ? cpu_backend() : cpu_backend_for_isa(isa), pool};
  for (const bool bf16 : {false, true}) {
    if (!type.empty() && (type == "bf16") != bf16) continue;
    for (const Product& p : products()) {
      const std::string name = fmt::format("{} {} {} {}", p.form, p.M, p.N, p.K);
      if (name.find(only) != std::string::npos) measure(p, bf16, context, seconds);
    }
  }
  fmt::print(R"({{"peak_f32": {:.1f}, "threads": {}}})"
             "\n",
             measure_peak_flops(pool) * 1e-9, pool.threads());
  return 0;
}

}  // namespace
}  // namespace cairn::bench

int main(int argc, char** argv) {
  try {
    return cairn::bench::bench(argc, argv);
  } catch (const cairn::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
