// Operations on rows of activations of type A, for routines.cpp. Contracts: kernels/cpu/routines.h.
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

template <typename A>
struct RowOps {
  static void bias_forward(std::int64_t n, std::int64_t M, A* y, const float* b);
  static void bias_backward(std::int64_t n, std::int64_t M, float* db_piece, const A* dy);
  static void rope(std::int64_t n, std::int64_t H, std::int64_t E, A* y, const A* x, const float* cos, const float* sin,
                   const std::int32_t* positions, float sign);
  static void cross_entropy(std::int64_t n, std::int64_t V, float* losses, A* logits, const std::int32_t* targets,
                            const float* weights, bool with_gradient, float z_loss, float* scratch);
};

}  // namespace cairn::cpu::CAIRN_ISA
