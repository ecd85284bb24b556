// Row-wise routines of one instruction set (contracts: kernels/cpu/routines.h).
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

void rmsnorm_forward(std::int64_t n, std::int64_t D, float* y, float* inv_rms, const float* x, const float* w, float eps);
void rmsnorm_backward(std::int64_t n, std::int64_t D, float* dx, float* dw_piece, const float* dy, const float* x, const float* w,
                      const float* inv_rms);
void rope(std::int64_t n, std::int64_t H, std::int64_t E, float* y, const float* x, const float* cos, const float* sin,
          const std::int32_t* positions, float sign);
void cross_entropy(std::int64_t n, std::int64_t V, float* losses, float* logits, const std::int32_t* targets,
                   const float* weights, bool with_gradient);

}  // namespace cairn::cpu::CAIRN_ISA
