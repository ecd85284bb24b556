#include "kernels/cuda/device.h"

#include <cuda_runtime_api.h>

#include "base/error.h"
#include "base/format.h"
#include "kernels/cuda/cublaslt_matmul.h"
#include "kernels/cuda/memory.h"

namespace cairn::cuda {
namespace {

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) fail("the GPU: {}: {}", what, cudaGetErrorString(error));
}

// Kernels are built for sm_90a, with code for later architectures that the driver compiles.
constexpr int kOldestMajor = 9;

DeviceFacts facts_of(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "asking what it is");
  DeviceFacts facts{index,
                    properties.name,
                    properties.major,
                    properties.minor,
                    properties.multiProcessorCount,
                    properties.totalGlobalMem,
                    static_cast<std::uint64_t>(properties.l2CacheSize),
                    ""};
  if (facts.major < kOldestMajor) {
    facts.refusal = fmt::format("{} has compute capability {}.{}; this build has kernels for {}.0 and later", facts.name,
                                facts.major, facts.minor, kOldestMajor);
  }
  return facts;
}

}  // namespace

DeviceList list_devices() {
  DeviceList list;
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    list.reason = cudaGetErrorString(error);
    return list;
  }
  for (int i = 0; i < count; ++i) list.devices.push_back(facts_of(i));
  if (count == 0) list.reason = "the driver finds none";
  return list;
}

DeviceMemory::DeviceMemory(int device, std::size_t bytes) : bytes_(bytes) {
  check(cudaSetDevice(device), "choosing it");
  void* data = nullptr;
  if (const cudaError_t error = cudaMalloc(&data, bytes); error != cudaSuccess) {
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail("{} on GPU {} could not be allocated, {} of {} are free: {}", format_bytes(bytes), device, format_bytes(free),
         format_bytes(total), cudaGetErrorString(error));
  }
  data_.reset(data);
  check(cudaMemset(data, 0, bytes), "clearing memory");
}

void DeviceMemory::Free::operator()(void* data) const {
  cudaFree(data);
}

struct Device::State {
  DeviceFacts facts;
  cudaStream_t stream = nullptr;
  DeviceMemory scratch, workspace;
  Queue queue{nullptr, nullptr, 0};
  GemmBook book{"", ""};
  std::unique_ptr<CublasLtMatmul> matmul;

  ~State() {
    matmul.reset();
    if (stream) cudaStreamDestroy(stream);
  }
};

Device::Device(int index, std::size_t scratch_bytes) : state_(std::make_unique<State>()) {
  const DeviceList list = list_devices();
  if (list.devices.empty()) fail_usage("there is no GPU to use: {}", list.reason);
  if (index < 0 || index >= static_cast<int>(list.devices.size()))
    fail_usage("there is no GPU {}; this machine has {}", index, list.devices.size());
  State& s = *state_;
  s.facts = list.devices[static_cast<std::size_t>(index)];
  if (!s.facts.refusal.empty()) fail_usage("{}", s.facts.refusal);
  check(cudaSetDevice(index), "choosing it");
  check(cudaStreamCreateWithFlags(&s.stream, cudaStreamNonBlocking), "making a stream");
  s.scratch = DeviceMemory(index, scratch_bytes);
  s.workspace = DeviceMemory(index, kWorkspace);
  cublaslt();  // missing: said here, before any work
  s.book = GemmBook(s.facts.name, cublaslt_library().version);
  s.matmul = std::make_unique<CublasLtMatmul>(s.book, s.workspace.data(), kWorkspace);
  s.queue = Queue(s.stream, s.scratch.data(), scratch_bytes, s.matmul.get());
}

Device::~Device() = default;

const DeviceFacts& Device::facts() const {
  return state_->facts;
}
const Queue& Device::queue() const {
  return state_->queue;
}
GemmBook& Device::gemm_book() {
  return state_->book;
}
void Device::synchronize() {
  check(cudaStreamSynchronize(state_->stream), "work failed");
}

void copy_to_host(const Queue& queue, void* host, const void* device, std::size_t bytes) {
  const auto stream = static_cast<cudaStream_t>(queue.stream());
  check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream), "copying to the host");
  check(cudaStreamSynchronize(stream), "copying to the host");
}

void copy_to_device(const Queue& queue, void* device, const void* host, std::size_t bytes) {
  const auto stream = static_cast<cudaStream_t>(queue.stream());
  check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream), "copying from the host");
  check(cudaStreamSynchronize(stream), "copying from the host");
}

}  // namespace cairn::cuda
