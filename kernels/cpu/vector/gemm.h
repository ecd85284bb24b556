// The matrix product's routines of one instruction set (contracts: kernels/cpu/routines.h).
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

std::int64_t gemm_scratch(const GemmBlock& block);
void gemm_block(const GemmBlock& block, float* scratch);
void gemm_dots(const GemmBlock& block);

}  // namespace cairn::cpu::CAIRN_ISA
