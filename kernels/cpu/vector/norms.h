// RMSNorm and what is fused with it, on rows of activations of type A, for routines.cpp. Contracts: kernels/cpu/routines.h.
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

template <typename A>
struct NormOps {
  static void rmsnorm_forward(std::int64_t n, std::int64_t D, A* y, float* inv_rms, const A* x, const float* w, float eps);
  static void rmsnorm_backward(std::int64_t n, std::int64_t D, A* dx, float* dw_piece, const A* dy, const A* x, const float* w,
                               const float* inv_rms, bool accumulate);
  static void add_rmsnorm_forward(std::int64_t n, std::int64_t D, A* sum, A* y, float* inv_rms, const A* a, const A* b,
                                  const float* w, float eps);
  static void norm_rope_forward(std::int64_t n, std::int64_t H, std::int64_t E, A* y, float* inv_rms, const A* x, const float* w,
                                float eps, const float* cos, const float* sin, const std::int32_t* positions);
  static void norm_rope_backward(std::int64_t n, std::int64_t H, std::int64_t E, A* dx, float* dw_piece, const A* dy, const A* x,
                                 const float* w, const float* inv_rms, const float* cos, const float* sin,
                                 const std::int32_t* positions);
};

}  // namespace cairn::cpu::CAIRN_ISA
