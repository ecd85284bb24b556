// A case of the harness on a GPU: its tensors in device memory, but for what the function returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/arena.h"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/device.h"
#include "tests/kernels/op_comparison.h"

namespace cairn::test {

// Milliseconds of one call of `run`, which gives the device's queue work: the median of many, by the device's own clock.
double time_on(cuda::Device& device, const std::function<void()>& run);

// Tensors of a device that are asked for one after another.
class DeviceTensors {
 public:
  explicit DeviceTensors(Memory& memory) : memory_(memory) {}
  Tensor tensor(std::initializer_list<std::int64_t> sizes, Dtype dtype);

 private:
  Memory& memory_;
  std::vector<Arena> arenas_;
};

class DeviceCase {
 public:
  // With the numbers of `host`, which stays what it is. `backend` runs on the device.
  DeviceCase(const OpCase& op_case, cuda::Device& device, ThreadPool& pool, CaseMemory& host,
             const Backend& backend = cuda::cuda_backend());

  void run() { case_.run(context_, tensors_); }
  void reset();  // all tensors as they were at first, from a second copy on the GPU
  // The bytes of the compared outputs, one after another.
  std::vector<std::byte> bytes();
  std::uint64_t fingerprint();  // of the compared outputs, made on the GPU
  Outputs outputs();
  double time();  // time_on(), each run on tensors as the one before left them

 private:
  const OpCase& case_;
  cuda::Device& device_;
  CaseMemory& host_;
  Arena memory_, originals_;
  std::vector<std::vector<std::byte>> returned_;  // of Kind::returned
  std::vector<Tensor> tensors_;
  Context context_;
};

}  // namespace cairn::test
