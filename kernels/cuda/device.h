// The GPUs of this machine: which there are, what they are, memory on them, queues for them. Everything here works, and says why
// not, on a machine without any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/gemm_book.h"
#include "kernels/cuda/queue.h"
#include "kernels/memory.h"

namespace cairn::cuda {

struct DeviceFacts {
  int index = 0;
  std::string name;          // "NVIDIA H200"
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::uint64_t memory = 0, l2_cache = 0;  // bytes
  // "" when this build's kernels run on it; else "compute capability 8.0; this build has kernels for 9.0 and later".
  std::string refusal;
};

struct DeviceList {
  std::vector<DeviceFacts> devices;
  std::string reason;  // why there are none
};
DeviceList list_devices();

// One device ready for work: a stream, its scratch memory, cuBLASLt and the GEMM book. Neither copied nor moved.
class Device {
 public:
  static constexpr std::size_t kWorkspace = std::size_t{32}
                                            << 20;  // of cuBLASLt: fixed, as the choice of an algorithm depends on it

  // Error (usage) when there is no such device or this build cannot use it. `scratch_bytes` is what operations may take at most
  // (rmsnorm_backward 264 rows of D floats, embedding_backward 1 MB and 8 bytes a token).
  explicit Device(int index, std::size_t scratch_bytes = std::size_t{64} << 20);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceFacts& facts() const;
  const Queue& queue() const;
  Memory& memory();
  GemmBook& gemm_book();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::cuda
