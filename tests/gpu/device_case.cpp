#include "tests/gpu/device_case.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/fingerprint.h"

namespace cairn::test {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess) fail("the GPU: {}", cudaGetErrorString(error));
}

// Cases may have strides: all bytes in between go along.
Tensor bytes_of(const Tensor& tensor) {
  return Tensor(tensor.data, Dtype::i8, {tensor.bytes()}, tensor.memory);
}

}  // namespace

Tensor DeviceTensors::tensor(std::initializer_list<std::int64_t> sizes, Dtype dtype) {
  ArenaPlan plan;
  const ArenaSlot slot = plan.add("tensor", dtype, sizes);
  return arenas_.emplace_back(plan, &memory_).tensor(slot);
}

DeviceCase::DeviceCase(const OpCase& op_case, cuda::Device& device, ThreadPool& pool, CaseMemory& host, const Backend& backend)
    : case_(op_case), device_(device), host_(host), context_{backend, pool, &device.queue()} {
  ArenaPlan plan;
  for (std::size_t i = 0; i < host.tensors().size(); ++i) {
    const Tensor& here = host.tensors()[i];
    const bool returned = op_case.arguments[i].kind == Kind::returned;
    if (returned) returned_.emplace_back(static_cast<std::size_t>(here.bytes()));
    plan.add(op_case.arguments[i].name, Dtype::i8, {returned ? 0 : here.bytes()});
  }
  memory_ = Arena(plan, &device.memory());
  originals_ = Arena(plan, &device.memory());
  auto returned = returned_.begin();
  for (std::size_t i = 0; i < host.tensors().size(); ++i) {
    Tensor there = host.tensors()[i];
    if (op_case.arguments[i].kind == Kind::returned) {
      there.data = (returned++)->data();
    } else {
      const ArenaSlot slot{static_cast<std::int64_t>(i)};
      there.data = memory_.tensor(slot).data;
      there.memory = memory_.memory();
      copy(originals_.tensor(slot), bytes_of(host.tensors()[i]));
    }
    tensors_.push_back(there);
  }
  reset();
}

void DeviceCase::reset() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const Tensor from = tensors_[i].on_host() ? bytes_of(host_.tensors()[i]) : originals_.tensor({static_cast<std::int64_t>(i)});
    copy(bytes_of(tensors_[i]), from);
  }
}

std::uint64_t DeviceCase::fingerprint() {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!case_.arguments[i].compared) continue;
    const auto bytes = static_cast<std::size_t>(tensors_[i].bytes());
    std::uint64_t one = 0;
    if (tensors_[i].on_host()) {
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
    const std::int64_t size = tensors_[i].bytes();
    const std::size_t at = all.size();
    all.resize(at + static_cast<std::size_t>(size));
    copy(Tensor(all.data() + at, Dtype::i8, {size}), bytes_of(tensors_[i]));
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
    here.memory = nullptr;
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
