// A WorkClock of events in a stream, and of ranges for profilers.
#pragma once

#include <memory>

#include "kernels/work_clock.h"

namespace cairn::cuda {

std::unique_ptr<WorkClock> make_gpu_clock(void* stream);

}  // namespace cairn::cuda
