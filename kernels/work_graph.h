// Work that is recorded once and then asked for as one thing: a CUDA graph. What an operation is given (addresses, sizes,
// numbers) is fixed when it is recorded; what lies at the addresses is not.
#pragma once

#include <functional>
#include <memory>

#include "kernels/ops.h"

namespace cairn {

class WorkGraph {
 public:
  virtual ~WorkGraph() = default;
  virtual void run() = 0;  // after the work asked for so far, like any operation
};

// A Memory that can record the work of its queue.
class WorkRecorder {
 public:
  virtual ~WorkRecorder() = default;
  // Calls work(), which only asks for work and waits for none; nothing of it is done yet. Error when some of it cannot be
  // recorded.
  virtual std::unique_ptr<WorkGraph> record(const std::function<void()>& work) = 0;
};

// Null where the context computes on what records nothing: the processor.
WorkRecorder* work_recorder(const Context& context);

}  // namespace cairn
