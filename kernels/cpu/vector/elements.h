// Element-wise routines of one instruction set (contracts: kernels/cpu/routines.h).
#pragma once

#include "kernels/cpu/routines.h"

namespace cairn::cpu::CAIRN_ISA {

void xielu_forward(std::int64_t n, float* y, const float* x, float alpha_p, float alpha_n);
void xielu_backward(std::int64_t n, float* dx, double* sums, const float* dy, const float* x, float alpha_p, float alpha_n);
void add(std::int64_t n, float* y, const float* a, const float* b);
void scale(std::int64_t n, float* y, const float* x, float factor);
double sum_of_squares(std::int64_t n, const float* x);
void adamw(std::int64_t n, float* p, float* m, float* v, const float* g, const AdamStep& step);
void ademamix(std::int64_t n, float* p, float* m1, float* m2, float* v, const float* g, const AdamStep& step);
double fma_rounds(std::int64_t rounds, float* sink);
void exp_array(std::int64_t n, float* y, const float* x);
void exp_minus_linear_array(std::int64_t n, float* rest, float* exp_out, const float* x);

}  // namespace cairn::cpu::CAIRN_ISA
