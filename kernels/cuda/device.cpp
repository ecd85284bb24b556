#include "kernels/cuda/device.h"

#include <cuda_runtime_api.h>

#include "kernels/arena.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/cublaslt_matmul.h"
#include "kernels/cuda/memory.h"

namespace cairn::cuda {
namespace {

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
    int driver = 0;
    const bool none = cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0;
    list.reason = none ? "this machine has no NVIDIA driver" : cudaGetErrorString(error);
    return list;
  }
  for (int i = 0; i < count; ++i) list.devices.push_back(facts_of(i));
  if (count == 0) list.reason = "the driver finds none";
  return list;
}

struct Device::State {
  DeviceFacts facts;
  cudaStream_t stream = nullptr;
  std::unique_ptr<GpuMemory> memory;
  Arena scratch;  // and cuBLASLt's workspace
  Queue queue{nullptr, nullptr, 0};
  GemmBook book{"", ""};
  std::unique_ptr<CublasLtMatmul> matmul;

  ~State() {
    matmul.reset();
    scratch = Arena();
    memory.reset();
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
  cublaslt();  // missing: said here, before any work
  check(cudaSetDevice(index), "choosing it");
  check(cudaStreamCreateWithFlags(&s.stream, cudaStreamNonBlocking), "making a stream");
  s.memory = std::make_unique<GpuMemory>(index, s.stream);
  ArenaPlan plan;
  const ArenaSlot scratch = plan.add("scratch", Dtype::i8, {static_cast<std::int64_t>(scratch_bytes)});
  const ArenaSlot workspace = plan.add("workspace", Dtype::i8, {static_cast<std::int64_t>(kWorkspace)});
  s.scratch = Arena(plan, s.memory.get());
  s.book = GemmBook(s.facts.name, cublaslt_library().version);
  s.matmul = std::make_unique<CublasLtMatmul>(s.book, s.scratch.tensor(workspace).data, kWorkspace);
  s.queue = Queue(s.stream, s.scratch.tensor(scratch).data, scratch_bytes, s.matmul.get(), s.memory.get());
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
Memory& Device::memory() {
  return *state_->memory;
}

}  // namespace cairn::cuda
