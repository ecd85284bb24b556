// Scratch memory of the calling thread: 64-byte aligned, grows and is kept until the thread ends. The pointer is valid until this
// thread asks again (null for no floats); nothing in it outlives one piece of one operation.
#pragma once

#include <cstdint>

#include "kernels/ops.h"

namespace cairn::cpu {

float* thread_scratch(std::int64_t floats);

// Floats that an operation of the best instruction set asks for on each thread of a pool: for a plan of memory.
// The product C [M, N] = op(A) op(B) over K, of operands `type` into `type_c` (kernels/ops.h).
struct ProductShape {
  std::int64_t M, N, K;
  Transpose a, b;
  Dtype type, type_c;
};
std::int64_t matmul_scratch(const ProductShape& shape, int threads);
// Self-attention of T positions and head width E, forward and backward.
std::int64_t attention_scratch(std::int64_t T, std::int64_t E, Dtype type);
// What its backward asks for besides, once for all threads, for B samples and K key/value heads.
std::int64_t attention_part_sums(std::int64_t B, std::int64_t T, std::int64_t K, std::int64_t E);

}  // namespace cairn::cpu
