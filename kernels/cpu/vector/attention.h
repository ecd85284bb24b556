// Attention's routines of one instruction set (contracts: kernels/cpu/routines.h).
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

std::int64_t attention_forward_scratch(std::int64_t S, std::int64_t E);
void attention_forward(const AttentionForward& head, float* scratch);
std::int64_t attention_decode_scratch(std::int64_t rows, std::int64_t S, std::int64_t E);
void attention_decode(const AttentionForward& group, float* scratch);
std::int64_t attention_backward_scratch(std::int64_t T, std::int64_t E);
void attention_backward(const AttentionBackward& group, float* scratch);

}  // namespace cairn::cpu::CAIRN_ISA
