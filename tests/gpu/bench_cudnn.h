// cuDNN's attention at the shapes at which ours is timed.
#pragma once

#include "kernels/cuda/device.h"

namespace cairn::test {

// One JSON line a pass, like bench_gpu's; a line that says why not where there is no cuDNN. `peak` in flop/s.
void bench_cudnn(cuda::Device& device, double peak);

}  // namespace cairn::test
