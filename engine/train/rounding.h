// bfloat16 moments: float32 values rounded to one of their two bfloat16 neighbours with probabilities that keep the mean.
//
// Rounded to the nearest, an average with a decay above 1 - 2^-9 would stand still: its step is less than half of bfloat16's
// spacing (beta2 = 0.999 and beta3 = 0.9999 both are such). The noise is a function of (seed, purpose, index of the element)
// alone, so it needs no state and does not depend on how a tensor is cut (spec/training.md §3.2).
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/thread_pool.h"
#include "kernels/tensor.h"

namespace cairn::train {

// values [n] float32 = stored [n] bfloat16.
void widen_bf16(ThreadPool& pool, Tensor values, Tensor stored);

// stored [n] bfloat16 = values [n] float32, stochastically; `first` is the index of values[0] in the noise and a multiple of 8.
// Infinities stay, a NaN stays a NaN; a value beyond the largest finite bfloat16 may become infinite.
void round_bf16_stochastic(ThreadPool& pool, Tensor stored, Tensor values, const Random& noise, std::int64_t first);

}  // namespace cairn::train
