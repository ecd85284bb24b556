#include "engine/model/batch.h"

#include "base/error.h"

namespace cairn::model {
namespace {

// Index n of row-major [B, T] is in [0, limit).
void check_index(const char* what, std::int32_t value, std::int64_t n, std::int64_t T, std::int64_t limit) {
  if (value >= 0 && value < limit) return;
  fail("batch: {} {} at token {} of row {} is outside [0, {})", what, value, n % T, n / T, limit);
}

}  // namespace

BatchMemory::BatchMemory(const ModelConfig& config, std::int64_t max_tokens, std::int64_t max_positions, Memory* memory)
    : vocab_(config.vocab), max_positions_(max_positions) {
  if (memory == nullptr) return;
  ArenaPlan plan;
  tokens_ = plan.add("batch.tokens", Dtype::i32, {max_tokens});
  positions_ = plan.add("batch.positions", Dtype::i32, {max_tokens});
  first_key_ = plan.add("batch.first_key", Dtype::i32, {max_tokens});
  targets_ = plan.add("batch.targets", Dtype::i32, {max_tokens});
  weights_ = plan.add("batch.weights", Dtype::f32, {max_tokens});
  arena_ = Arena(plan, memory);
}

Batch BatchMemory::there(const Batch& host) {
  if (arena_.memory() == nullptr) return host;
  if (host.tokens.dims != 2) fail("batch.tokens: expected [B, T], found {}", host.tokens.describe());
  const std::int64_t B = host.tokens.shape[0], T = host.tokens.shape[1], N = B * T;
  for (const Tensor* tensor : {&host.positions, &host.first_key, &host.targets, &host.weights}) {
    if (!tensor->empty() && tensor->size() != N) fail("batch: expected {} of each, found {}", N, tensor->describe());
  }
  for (std::int64_t n = 0; n < N; ++n) {
    check_index("token", host.tokens.as<std::int32_t>()[n], n, T, vocab_);
    check_index("position", host.positions.as<std::int32_t>()[n], n, T, max_positions_);
    check_index("first key", host.first_key.as<std::int32_t>()[n], n, T, n % T + 1);
    const bool counts = !host.weights.empty() && host.weights.as<float>()[n] != 0;
    if (counts) check_index("target", host.targets.as<std::int32_t>()[n], n, T, vocab_);
  }
  const auto take = [&](ArenaSlot slot, const Tensor& from) {
    if (from.empty()) return Tensor();
    const Tensor to = arena_.tensor(slot).rows(0, N).reshape({B, T});
    copy(to, from);
    return to;
  };
  return {take(tokens_, host.tokens), take(positions_, host.positions), take(first_key_, host.first_key),
          take(targets_, host.targets), take(weights_, host.weights)};
}

}  // namespace cairn::model
