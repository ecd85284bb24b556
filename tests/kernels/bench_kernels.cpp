// Times the cases of op_cases.h: time, GFLOP/s or GB/s, and the share of the floor, which is what the machine's multiply-add rate
// and memory bandwidth, measured in this run, allow for the flops and bytes that the operation cannot avoid. A case that lives in
// cache may pass it.
//
//   bench_kernels [--op TEXT] [--shape TEXT] [--type f32|bf16] [--isa NAME] [--threads N] [--all] [--json]
#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <string>

#include <fmt/format.h>

#include "base/format.h"
#include "kernels/cpu/peak.h"
#include "tests/kernels/op_cases.h"

namespace cairn::test {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Bytes per second of y = a + b over arrays far larger than the caches, counting each array once.
double measure_bandwidth(ThreadPool& pool) {
  constexpr std::int64_t kSize = 24 << 20;
  ArenaPlan plan;
  const ArenaSlot y = plan.add("y", Dtype::f32, {kSize}), a = plan.add("a", Dtype::f32, {kSize}),
                  b = plan.add("b", Dtype::f32, {kSize});
  Arena arena(plan);
  Context context{cpu_backend(), pool};
  double best = 0;
  for (int i = 0; i < 6; ++i) {
    const Clock::time_point start = Clock::now();
    ops::add(context, arena.tensor(y), arena.tensor(a), arena.tensor(b));
    best = std::max(best, 12.0 * kSize / seconds_since(start));
  }
  return best;
}

struct Timing {
  double best, median;
};

Timing time_case(const OpCase& op_case, Context& context, Dtype A) {
  CaseMemory memory(op_case, A);
  if (op_case.prepare) op_case.prepare(context, memory.tensors());
  std::vector<double> runs;
  const Clock::time_point start = Clock::now();
  op_case.run(context, memory.tensors());  // first touch
  while (runs.size() < 5 || (seconds_since(start) < 0.4 && runs.size() < 200)) {
    const Clock::time_point begin = Clock::now();
    op_case.run(context, memory.tensors());
    runs.push_back(seconds_since(begin));
  }
  std::sort(runs.begin(), runs.end());
  return {runs.front(), runs[runs.size() / 2]};
}

int bench(int argc, char** argv) {
  std::string op, shape, isa;
  Dtype A = Dtype::f32;
  int threads = 0;
  bool all = false, json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (argument == "--all") {
      all = true;
    } else if (argument == "--json") {
      json = true;
    } else if (argument == "--op") {
      op = value, ++i;
    } else if (argument == "--shape") {
      shape = value, ++i;
    } else if (argument == "--type" && (value == "f32" || value == "bf16")) {
      A = value == "bf16" ? Dtype::bf16 : Dtype::f32, ++i;
    } else if (argument == "--isa") {
      isa = value, ++i;
    } else if (argument == "--threads") {
      threads = std::atoi(value.c_str()), ++i;
    } else {
      std::cerr
          << "usage: bench_kernels [--op TEXT] [--shape TEXT] [--type f32|bf16] [--isa NAME] [--threads N] [--all] [--json]\n";
      return 2;
    }
  }
  ThreadPool pool(threads);
  Context context{isa.empty() ? cpu_backend() : cpu_backend_for_isa(isa), pool};
  const double peak = measure_peak_flops(pool, A), bandwidth = measure_bandwidth(pool);
  TextTable table({"operation", "shape", "ms", "GFLOP/s", "GB/s", "of floor"});
  for (const OpCase& op_case : op_cases()) {
    if ((!op_case.production && !all) || op_case.op.find(op) == std::string::npos ||
        op_case.shape.find(shape) == std::string::npos)
      continue;
    const Timing timing = time_case(op_case, context, A);
    const double bytes = op_case.traffic.bytes(A);
    const double floor = std::max(op_case.flops / peak, bytes / bandwidth), share = floor / timing.best;
    if (json) {
      const bool by_flops = op_case.flops / peak > bytes / bandwidth;
      fmt::print(
          "{{\"what\": \"{} {}\", \"value\": {:.4g}, \"unit\": \"{}\", \"of_floor\": {:.3f}, \"median_ms\": {:.4g}, \"isa\": "
          "\"{}\", \"threads\": {}}}\n",
          op_case.op, op_case.shape, (by_flops ? op_case.flops : bytes) / timing.best * 1e-9, by_flops ? "GFLOP/s" : "GB/s",
          share, timing.median * 1e3, context.backend.isa, pool.threads());
    } else {
      table.add({op_case.op, op_case.shape, fmt::format("{:.3f}", timing.best * 1e3),
                 op_case.flops > 0 ? fmt::format("{:.1f}", op_case.flops / timing.best * 1e-9) : "",
                 fmt::format("{:.1f}", bytes / timing.best * 1e-9), fmt::format("{:.0f}%", 100 * share)});
    }
  }
  if (json) {
    fmt::print("{{\"what\": \"{} multiply-add peak\", \"value\": {:.4g}, \"unit\": \"GFLOP/s\", \"threads\": {}}}\n",
               dtype_name(A), peak * 1e-9, pool.threads());
    fmt::print("{{\"what\": \"memory, y = a + b\", \"value\": {:.4g}, \"unit\": \"GB/s\", \"threads\": {}}}\n", bandwidth * 1e-9,
               pool.threads());
  } else {
    fmt::print("{}cpu {}, {} threads: peak {:.1f} GFLOP/s, memory {:.1f} GB/s (y = a + b); best of many runs\n", table.render(),
               context.backend.isa, pool.threads(), peak * 1e-9, bandwidth * 1e-9);
  }
  return 0;
}

}  // namespace
}  // namespace cairn::test

int main(int argc, char** argv) {
  try {
    return cairn::test::bench(argc, argv);
  } catch (const cairn::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
