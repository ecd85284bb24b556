#include "engine/infer/decode_bench.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "engine/infer/page_pool.h"
#include "engine/infer/sequence_batch.h"

namespace cairn::infer {
namespace {

constexpr std::int64_t kWarmUp = 2;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

DecodeRate measure(Context& context, const model::Parameters& parameters, const DecodeBenchOptions& options, std::int64_t count) {
  const std::int64_t length = options.prompt + kWarmUp + options.tokens;
  const model::ModelConfig& config = parameters.config();
  SequenceBatch batch(
      context, parameters,
      {.max_length = length, .sequences = count, .cache_tokens = count * PagePool::pages_for(length) * PagePool::kPageTokens});
  const Random random(28, "tokens of a bench");
  const auto token = [&](std::int64_t i) {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(config.vocab)));
  };
  const auto ignore = [](std::size_t, std::span<const float>) {};
  std::vector<std::int32_t> prompt;
  for (std::int64_t i = 0; i < options.prompt; ++i) prompt.push_back(token(i));
  std::vector<SequenceBatch::Row> rows;
  double reading = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    rows.push_back({*batch.open(length), 0});
    reading += seconds_of([&] { batch.read(rows.back().sequence, prompt, options.prompt - 1, ignore); });
  }
  std::vector<double> passes;
  for (std::int64_t t = 0; t < kWarmUp + options.tokens; ++t) {
    for (std::int64_t n = 0; n < count; ++n) rows[static_cast<std::size_t>(n)].token = token(options.prompt + t * count + n);
    const double seconds = seconds_of([&] { batch.step(rows, ignore); });
    if (t >= kWarmUp) passes.push_back(seconds);
  }
  std::nth_element(passes.begin(), passes.begin() + static_cast<std::ptrdiff_t>(passes.size() / 2), passes.end());
  const double pass = passes[passes.size() / 2];
  const double weights = static_cast<double>(config.matmul_parameters() * dtype_bytes(parameters.dtype()));
  return {count, static_cast<double>(count * options.prompt) / reading, static_cast<double>(count) / pass, weights / pass};
}

}  // namespace

DecodeBench run_decode_bench(ComputeDevice& device, ThreadPool& threads, const DecodeBenchOptions& options) {
  for (const std::int64_t count : options.sequences) {
    if (count < 1 || count > 1024) fail_usage("{} sequences at once: expected 1 to 1024", count);
  }
  const std::int64_t most = options.model.max_positions - kWarmUp;
  if (options.prompt < 1 || options.tokens < 1 || options.prompt > most || options.tokens > most - options.prompt) {
    fail_usage("a prompt of {} tokens, {} to warm up and {} behind it: the model reads {}", options.prompt, kWarmUp,
               options.tokens, options.model.max_positions);
  }
  DecodeBench result;
  result.device = device.name();
  result.bytes_per_second = device.measure_copy_rate(threads);
  Context context = device.context(threads);
  model::Parameters random(options.model, Dtype::f32);
  model::initialise(random, 28);
  model::Parameters parameters(options.model, options.dtype);
  Context here{cpu_backend(), threads};
  parameters.convert_from(here, random);
  parameters = model::moved_to(context.memory(), std::move(parameters));
  for (const std::int64_t count : options.sequences) result.rates.push_back(measure(context, parameters, options, count));
  return result;
}

}  // namespace cairn::infer
