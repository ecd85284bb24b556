#include "kernels/cuda/memory.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/format.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/gpu_clock.h"

namespace cairn::cuda {
namespace {

constexpr std::size_t kWave = std::size_t{8} << 20;

// Two page-locked buffers that take turns. Each has an event that tells when its copy is done.
class Waves {
 public:
  Waves() = default;
  ~Waves() {
    for (Wave& wave : waves_) {
      if (wave.done) cudaEventDestroy(wave.done);
      if (wave.memory) cudaFreeHost(wave.memory);
    }
  }
  Waves(const Waves&) = delete;
  Waves& operator=(const Waves&) = delete;

  void to_gpu(std::byte* at, const std::byte* host, std::size_t bytes, cudaStream_t stream) {
    prepare();
    for (std::size_t begin = 0; begin < bytes; begin += kWave, next_ ^= 1) {
      Wave& wave = waves_[next_];
      const std::size_t size = std::min(kWave, bytes - begin);
      check(cudaEventSynchronize(wave.done), "copying from the host");  // the copy before last, out of this buffer
      std::memcpy(wave.memory, host + begin, size);
      check(cudaMemcpyAsync(at + begin, wave.memory, size, cudaMemcpyHostToDevice, stream), "copying from the host");
      check(cudaEventRecord(wave.done, stream), "copying from the host");
    }
  }

  void to_host(std::byte* host, const std::byte* at, std::size_t bytes, cudaStream_t stream) {
    prepare();
    const std::size_t count = (bytes + kWave - 1) / kWave;
    for (std::size_t i = 0; i <= count; ++i) {
      if (i < count) {
        Wave& wave = waves_[i % 2];
        check(cudaMemcpyAsync(wave.memory, at + i * kWave, std::min(kWave, bytes - i * kWave), cudaMemcpyDeviceToHost, stream),
              "copying to the host");
        check(cudaEventRecord(wave.done, stream), "copying to the host");
      }
      if (i > 0) {
        const Wave& wave = waves_[(i - 1) % 2];
        check(cudaEventSynchronize(wave.done), "copying to the host");
        std::memcpy(host + (i - 1) * kWave, wave.memory, std::min(kWave, bytes - (i - 1) * kWave));
      }
    }
  }

 private:
  struct Wave {
    void* memory = nullptr;
    cudaEvent_t done = nullptr;
  };

  void prepare() {
    for (Wave& wave : waves_) {
      if (wave.done) continue;
      check(cudaHostAlloc(&wave.memory, kWave, cudaHostAllocDefault), "page-locked memory");
      check(cudaEventCreateWithFlags(&wave.done, cudaEventDisableTiming), "making an event");
    }
  }

  std::array<Wave, 2> waves_;
  std::size_t next_ = 0;
};

class GpuGraph : public WorkGraph {
 public:
  GpuGraph(cudaStream_t stream, const std::function<void()>& work) : stream_(stream) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording work");
    cudaGraph_t graph = nullptr;
    try {
      work();
    } catch (...) {
      cudaStreamEndCapture(stream, &graph);
      if (graph) cudaGraphDestroy(graph);
      throw;
    }
    check(cudaStreamEndCapture(stream, &graph), "recording work");
    const cudaError_t made = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    check(made, "making a graph of recorded work");
  }
  ~GpuGraph() override {
    if (graph_) cudaGraphExecDestroy(graph_);
  }
  GpuGraph(const GpuGraph&) = delete;
  GpuGraph& operator=(const GpuGraph&) = delete;

  void run() override { check(cudaGraphLaunch(graph_, stream_), "starting recorded work"); }

 private:
  cudaStream_t stream_;
  cudaGraphExec_t graph_ = nullptr;
};

std::byte* bytes_at(void* at) {
  return static_cast<std::byte*>(at);
}
const std::byte* bytes_at(const void* at) {
  return static_cast<const std::byte*>(at);
}

}  // namespace

struct GpuMemory::State {
  int device = 0;
  cudaStream_t stream = nullptr, aside = nullptr;
  cudaEvent_t asked = nullptr;  // what the work in `stream` was when begin_aside() was called
  Waves up, down, down_aside;
  cudaStream_t in = nullptr, out = nullptr;
  std::array<std::array<cudaEvent_t, 3>, 3> ordered{};  // by the lanes that are ordered; made when they first are

  cudaStream_t of(Lane lane) const { return lane == Lane::work ? stream : lane == Lane::in ? in : out; }

  ~State() {
    for (const auto& events : ordered) {
      for (const cudaEvent_t event : events) {
        if (event) cudaEventDestroy(event);
      }
    }
    if (in) cudaStreamDestroy(in);
    if (out) cudaStreamDestroy(out);
    if (asked) cudaEventDestroy(asked);
    if (aside) cudaStreamDestroy(aside);
  }
};

GpuMemory::GpuMemory(int device, void* stream) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.device = device;
  s.stream = static_cast<cudaStream_t>(stream);
  for (cudaStream_t* each : {&s.aside, &s.in, &s.out})
    check(cudaStreamCreateWithFlags(each, cudaStreamNonBlocking), "making a stream");
  check(cudaEventCreateWithFlags(&s.asked, cudaEventDisableTiming), "making an event");
}

GpuMemory::~GpuMemory() = default;

std::string GpuMemory::name() const {
  return fmt::format("GPU {}", state_->device);
}

void* GpuMemory::take(std::size_t bytes) {
  check(cudaSetDevice(state_->device), "choosing it");
  void* data = nullptr;
  if (const cudaError_t error = cudaMalloc(&data, bytes); error != cudaSuccess) {
    cudaGetLastError();  // said here, and not once more at the next launch
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail("{} on GPU {} could not be allocated, {} of {} are free: {}", format_bytes(bytes), state_->device, format_bytes(free),
         format_bytes(total), cudaGetErrorString(error));
  }
  if (const cudaError_t error = cudaMemsetAsync(data, 0, bytes, state_->stream); error != cudaSuccess) {
    cudaFree(data);
    check(error, "clearing memory");
  }
  return data;
}

void GpuMemory::give_back(void* block, std::size_t) noexcept {
  cudaFree(block);  // waits for the work that uses it
}

void GpuMemory::fill_zero(void* at, std::size_t bytes) {
  check(cudaMemsetAsync(at, 0, bytes, state_->stream), "clearing memory");
}

void GpuMemory::move(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, state_->stream), "copying on it");
}

void GpuMemory::write(void* at, const void* host, std::size_t bytes) {
  state_->up.to_gpu(bytes_at(at), bytes_at(host), bytes, state_->stream);
}

void GpuMemory::read(void* host, const void* at, std::size_t bytes) {
  state_->down.to_host(bytes_at(host), bytes_at(at), bytes, state_->stream);
}

void GpuMemory::begin_aside() {
  check(cudaEventRecord(state_->asked, state_->stream), "marking work");
}

void GpuMemory::read_aside(void* host, const void* at, std::size_t bytes) {
  check(cudaSetDevice(state_->device), "choosing it");
  check(cudaStreamWaitEvent(state_->aside, state_->asked, 0), "waiting for work");
  state_->down_aside.to_host(bytes_at(host), bytes_at(at), bytes, state_->aside);
}

std::unique_ptr<WorkClock> GpuMemory::clock() {
  return make_gpu_clock(state_->stream);
}

std::unique_ptr<WorkGraph> GpuMemory::record(const std::function<void()>& work) {
  return std::make_unique<GpuGraph>(state_->stream, work);
}

void* GpuMemory::take_host(std::size_t bytes) {
  check(cudaSetDevice(state_->device), "choosing it");
  void* block = nullptr;
  if (const cudaError_t error = cudaHostAlloc(&block, bytes, cudaHostAllocDefault); error != cudaSuccess) {
    cudaGetLastError();
    fail("{} of page-locked memory on the host could not be had: {}", format_bytes(bytes), cudaGetErrorString(error));
  }
  std::memset(block, 0, bytes);
  return block;
}

void GpuMemory::give_back_host(void* block, std::size_t) noexcept {
  cudaFreeHost(block);  // waits for the copies that use it
}

void GpuMemory::copy_in(void* at, const void* host, std::size_t bytes) {
  check(cudaMemcpyAsync(at, host, bytes, cudaMemcpyHostToDevice, state_->in), "copying from the host");
}

void GpuMemory::copy_out(void* host, const void* at, std::size_t bytes) {
  check(cudaMemcpyAsync(host, at, bytes, cudaMemcpyDeviceToHost, state_->out), "copying to the host");
}

// An event stands for what it was recorded after, even when it is recorded anew, so that one for each pair is enough.
void GpuMemory::order(Lane first, Lane then) {
  cudaEvent_t& event = state_->ordered[static_cast<std::size_t>(first)][static_cast<std::size_t>(then)];
  if (!event) check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  check(cudaEventRecord(event, state_->of(first)), "marking work");
  check(cudaStreamWaitEvent(state_->of(then), event, 0), "waiting for work");
}

void GpuMemory::wait(Lane lane) {
  check(cudaStreamSynchronize(state_->of(lane)), "copies failed");
}

void GpuMemory::synchronize() {
  check(cudaStreamSynchronize(state_->stream), "work failed");
}

}  // namespace cairn::cuda
