// A case of the harness on a GPU: its tensors in device memory, but for what the function returns.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/cuda/device.h"
#include "tests/kernels/op_comparison.h"

namespace cairn::test {

class DeviceCase {
 public:
  // With the numbers of `host`, which stays what it is.
  DeviceCase(const OpCase& op_case, cuda::Device& device, ThreadPool& pool, Dtype A, CaseMemory& host);

  void run() { case_.run(context_, tensors_); }
  void reset();  // all tensors as they were at first
  // The bytes of the compared outputs, one after another.
  std::vector<std::byte> bytes();
  Outputs outputs();
  // Milliseconds of one run: the median of many, each on tensors as the one before left them, by the device's own clock.
  double time();

 private:
  const OpCase& case_;
  cuda::Device& device_;
  Dtype A_;
  CaseMemory& host_;
  std::vector<cuda::DeviceMemory> memory_;
  std::vector<std::vector<std::byte>> returned_;  // of Kind::returned
  std::vector<Tensor> tensors_;
  Context context_;
};

}  // namespace cairn::test
