// Updates of the optimizers, for routines.cpp. Contracts: kernels/cpu/routines.h.
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

void adamw(std::int64_t begin, std::int64_t end, float* p, StoredFloats m, StoredFloats v, const float* g, StoredFloats copy,
           const AdamStep&);
void ademamix(std::int64_t begin, std::int64_t end, float* p, StoredFloats m1, StoredFloats m2, StoredFloats v, const float* g,
              StoredFloats copy, const AdamStep&);

}  // namespace cairn::cpu::CAIRN_ISA
