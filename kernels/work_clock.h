// How long work takes where it is done: by the host's clock for what the host computes; on a device by marks among its work,
// which goes on while the host asks for more.
#pragma once

#include <functional>
#include <memory>

#include "kernels/ops.h"

namespace cairn {

// For one thread.
class WorkClock {
 public:
  virtual ~WorkClock() = default;
  // From here on time is that of `what`, a text that stays ("forward", "matmul"); null: nobody's. On a GPU also a range that
  // profilers show (NVTX).
  virtual void mark(const char* what) = 0;
  // Waits for all work, then calls visit(what, seconds) for each stretch since the last call, in order. The last mark, which must
  // be null, ends them.
  virtual void read(const std::function<void(const char* what, double seconds)>& visit) = 0;
};

std::unique_ptr<WorkClock> make_work_clock(const Context& context);
std::unique_ptr<WorkClock> make_host_clock();

}  // namespace cairn
