#include "tests/gpu/device_case.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/fingerprint.h"
#include "kernels/cuda/memory.h"

namespace cairn::test {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess) fail("the GPU: {}", cudaGetErrorString(error));
}

}  // namespace

DeviceCase::DeviceCase(const OpCase& op_case, cuda::Device& device, ThreadPool& pool, Dtype A, CaseMemory& host)
    : case_(op_case), device_(device), A_(A), host_(host), context_{cuda::cuda_backend(), pool, &device.queue()} {
  for (std::size_t i = 0; i < host.tensors().size(); ++i) {
    Tensor there = host.tensors()[i];
    const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(there.bytes(), 16));
    if (op_case.arguments[i].kind == Kind::returned) {
      there.data = returned_.emplace_back(bytes).data();
    } else {
      there.data = memory_.emplace_back(device.facts().index, bytes).data();
      there.device = {DeviceKind::cuda, device.facts().index};
    }
    tensors_.push_back(there);
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].device.kind == DeviceKind::cpu) continue;
    const auto bytes = static_cast<std::size_t>(tensors_[i].bytes());
    cuda::DeviceMemory& original = originals_.emplace_back(device.facts().index, std::max<std::size_t>(bytes, 16));
    cuda::copy_to_device(device_.queue(), original.data(), host.tensors()[i].data, bytes);
  }
  reset();
}

void DeviceCase::reset() {
  std::size_t original = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto bytes = static_cast<std::size_t>(tensors_[i].bytes());
    if (tensors_[i].device.kind == DeviceKind::cpu) {
      std::memcpy(tensors_[i].data, host_.tensors()[i].data, bytes);
    } else {
      check(cudaMemcpyAsync(tensors_[i].data, originals_[original++].data(), bytes, cudaMemcpyDeviceToDevice,
                            static_cast<cudaStream_t>(device_.queue().stream())));
    }
  }
}

std::uint64_t DeviceCase::fingerprint() {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!case_.arguments[i].compared) continue;
    const auto bytes = static_cast<std::size_t>(tensors_[i].bytes());
    std::uint64_t one = 0;
    if (tensors_[i].device.kind == DeviceKind::cpu) {
      std::memcpy(&one, tensors_[i].data, std::min(bytes, sizeof one));
    } else {
      one = cuda::fingerprint(device_.queue(), tensors_[i].data, bytes);
    }
    all = all * 0x9e3779b97f4a7c15u + one;
  }
  return all;
}

std::vector<std::byte> DeviceCase::bytes() {
  std::vector<std::byte> all;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!case_.arguments[i].compared) continue;
    const std::size_t size = static_cast<std::size_t>(tensors_[i].bytes()), at = all.size();
    all.resize(at + size);
    if (tensors_[i].device.kind == DeviceKind::cpu) {
      std::memcpy(all.data() + at, tensors_[i].data, size);
    } else {
      cuda::copy_to_host(device_.queue(), all.data() + at, tensors_[i].data, size);
    }
  }
  return all;
}

Outputs DeviceCase::outputs() {
  const std::vector<std::byte> all = bytes();
  Outputs outputs;
  std::size_t at = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!case_.arguments[i].compared) continue;
    Tensor here = tensors_[i];
    here.data = const_cast<std::byte*>(all.data() + at);
    here.device = {};
    outputs.push_back(numbers(here));
    at += static_cast<std::size_t>(here.bytes());
  }
  return outputs;
}

double time_on(cuda::Device& device, const std::function<void()>& run) {
  const auto stream = static_cast<cudaStream_t>(device.queue().stream());
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin));
  check(cudaEventCreate(&end));
  std::vector<double> runs;
  double spent = 0;
  for (int i = 0; i < 3; ++i) run();
  while (runs.size() < 10 || (spent < 300 && runs.size() < 500)) {
    check(cudaEventRecord(begin, stream));
    run();
    check(cudaEventRecord(end, stream));
    check(cudaEventSynchronize(end));
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin, end));
    runs.push_back(milliseconds);
    spent += milliseconds;
  }
  check(cudaEventDestroy(begin));
  check(cudaEventDestroy(end));
  std::nth_element(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(runs.size() / 2), runs.end());
  return runs[runs.size() / 2];
}

double DeviceCase::time() {
  return time_on(device_, [&] { run(); });
}

}  // namespace cairn::test
