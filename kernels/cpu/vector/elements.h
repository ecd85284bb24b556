// Operations on elements of activations of type A, for routines.cpp. Contracts: kernels/cpu/routines.h.
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

template <typename A>
struct ElementOps {
  static void xielu_forward(std::int64_t n, A* y, const A* x, float alpha_p, float alpha_n);
  static void xielu_backward(std::int64_t n, A* dx, double* sums, const A* dy, const A* x, float alpha_p, float alpha_n);
  static void swiglu_forward(std::int64_t n, A* y, const A* gate, const A* up);
  static void swiglu_backward(std::int64_t n, A* dgate, A* dup, const A* dy, const A* gate, const A* up);
  static void relu2_forward(std::int64_t n, A* y, const A* x);
  static void relu2_backward(std::int64_t n, A* dx, const A* dy, const A* x);
  static void add(std::int64_t n, A* y, const A* a, const A* b);
  static void add_to(std::int64_t n, float* y, const A* x);
  static void scale(std::int64_t n, A* y, const A* x, float factor);
  template <typename Y>
  static void axpby(std::int64_t n, Y* y, const A* x, float a, float b);
  template <typename Y>
  static void convert(std::int64_t n, Y* y, const A* x);
  static double sum_of_squares(std::int64_t n, const A* x);
};

template <typename A>
double multiply_add_rounds(std::int64_t rounds, float* sink);
void exp_array(std::int64_t n, float* y, const float* x);
template <typename A>
void exp2_array(std::int64_t n, float* y, const float* x);
void exp_minus_linear_array(std::int64_t n, float* rest, float* exp, const float* x);

}  // namespace cairn::cpu::CAIRN_ISA
