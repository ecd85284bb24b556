// A GPU that is the CPU: kernels run under emulation, on memory that nothing but them and copies can reach. Whoever follows a
// pointer into it from the host crashes, as it would on a GPU.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/queue.h"
#include "kernels/memory.h"
#include "kernels/ops.h"

namespace cairn::test {

class EmulatedDevice {
 public:
  EmulatedDevice();
  ~EmulatedDevice();
  EmulatedDevice(const EmulatedDevice&) = delete;
  EmulatedDevice& operator=(const EmulatedDevice&) = delete;

  Memory& memory();
  int reads() const;                                 // copies to the host that it waited for
  int graphs_run() const;                            // recorded work that was asked for
  void refuse_to_record(const std::string& reason);  // from now on recording fails with it
  Context context(ThreadPool& pool);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::test
