// The multiply-add rate that this machine reaches now, with all threads of the pool: what MFU is measured against.
#pragma once

#include "base/thread_pool.h"
#include "kernels/tensor.h"

namespace cairn {

// Flops per second (a multiply-add counts two), the best of several short runs; takes less than 200 ms. With the best instruction
// set of the machine. For bfloat16 operands (sums in float32) or for float32.
double measure_peak_flops(ThreadPool& pool, Dtype type = Dtype::f32);

}  // namespace cairn
