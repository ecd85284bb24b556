// Attention on activations of type A, for routines.cpp. Contracts: kernels/cpu/routines.h.
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

template <typename A>
struct AttentionOps {
  static std::int64_t forward_scratch(std::int64_t S, std::int64_t E);
  static void forward(const AttentionForward<A>& g, float* scratch);
  static std::int64_t decode_scratch(std::int64_t rows, std::int64_t S, std::int64_t E);
  static void decode(const AttentionForward<A>& g, float* scratch);
  static std::int64_t backward_scratch(std::int64_t T, std::int64_t E);
  static void backward(const AttentionBackward<A>& g, float* scratch);
};

}  // namespace cairn::cpu::CAIRN_ISA
