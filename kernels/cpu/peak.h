// The float32 multiply-add rate that this machine reaches now, with all threads of the pool: what MFU is measured against.
#pragma once

#include "base/thread_pool.h"

namespace cairn {

// Flops per second (a multiply-add counts two), the best of several short runs; takes less than 200 ms. With the best instruction
// set of the machine.
double measure_peak_flops(ThreadPool& pool);

}  // namespace cairn
