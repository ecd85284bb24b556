#include "kernels/cuda/gpu_clock.h"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define CAIRN_HAS_NVTX
#endif

#include <vector>

#include "kernels/cuda/check.h"

namespace cairn::cuda {
namespace {

void open_range([[maybe_unused]] const char* name) {
#ifdef CAIRN_HAS_NVTX
  nvtxRangePushA(name);
#endif
}
void close_range() {
#ifdef CAIRN_HAS_NVTX
  nvtxRangePop();
#endif
}

// Events are made once and used again.
class GpuClock : public WorkClock {
 public:
  explicit GpuClock(cudaStream_t stream) : stream_(stream) {}
  ~GpuClock() override {
    for (Mark& mark : marks_) cudaEventDestroy(mark.event);
  }
  GpuClock(const GpuClock&) = delete;
  GpuClock& operator=(const GpuClock&) = delete;

  void mark(const char* what) override {
    if (count_ > 0 && marks_[count_ - 1].what != nullptr) close_range();
    if (count_ == marks_.size()) {
      cudaEvent_t event = nullptr;
      check(cudaEventCreate(&event), "making an event");
      marks_.push_back({what, event});
    }
    marks_[count_].what = what;
    check(cudaEventRecord(marks_[count_].event, stream_), "marking work");
    if (what != nullptr) open_range(what);
    ++count_;
  }

  void read(const std::function<void(const char* what, double seconds)>& visit) override {
    if (count_ > 0) check(cudaEventSynchronize(marks_[count_ - 1].event), "work failed");
    for (std::size_t i = 0; i + 1 < count_; ++i) {
      float milliseconds = 0;
      check(cudaEventElapsedTime(&milliseconds, marks_[i].event, marks_[i + 1].event), "reading the clock");
      visit(marks_[i].what, 1e-3 * static_cast<double>(milliseconds));
    }
    count_ = 0;
  }

 private:
  struct Mark {
    const char* what;
    cudaEvent_t event;
  };
  cudaStream_t stream_;
  std::vector<Mark> marks_;
  std::size_t count_ = 0;
};

}  // namespace

std::unique_ptr<WorkClock> make_gpu_clock(void* stream) {
  return std::make_unique<GpuClock>(static_cast<cudaStream_t>(stream));
}

}  // namespace cairn::cuda
