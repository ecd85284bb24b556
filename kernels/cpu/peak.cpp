#include "kernels/cpu/peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/cpu/ops.h"

namespace cairn {

double measure_peak_flops(ThreadPool& pool, Dtype type) {
  using Clock = std::chrono::steady_clock;
  const cpu::Routines& routines = *static_cast<const cpu::CpuBackend&>(cpu_backend()).routines;
  const auto run = type == Dtype::bf16 ? routines.multiply_add_rounds_bf16 : routines.multiply_add_rounds;
  const std::int64_t threads = pool.threads();
  std::vector<double> flops(static_cast<std::size_t>(threads));
  double best = 0;
  std::int64_t rounds = 20'000;  // about 0.1 ms; grows until a run takes 8 ms
  const Clock::time_point start = Clock::now();
  while (Clock::now() - start < std::chrono::milliseconds(120)) {
    const Clock::time_point begin = Clock::now();
    pool.parallel_for(threads, [&](std::int64_t i) {
      float sink = 1.0f;
      flops[static_cast<std::size_t>(i)] = run(rounds, &sink);
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    double total = 0;
    for (const double each : flops) total += each;
    best = std::max(best, total / seconds);
    if (seconds < 0.008) rounds *= 2;
  }
  return best;
}

}  // namespace cairn
