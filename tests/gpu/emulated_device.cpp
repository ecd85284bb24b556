#include "tests/gpu/emulated_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "kernels/arena.h"
#include "kernels/copy_lanes.h"
#include "kernels/cuda/backend.h"
#include "kernels/work_clock.h"
#include "kernels/work_graph.h"
#include "tests/gpu/cuda_emulation.h"

namespace cairn::test {
namespace {

constexpr std::size_t kRoom = std::size_t{1} << 30;  // of addresses; bytes are taken as they are touched

// One region that no access is allowed to but between open() and close(), which nest and may come from two threads. Blocks lie
// one after another; their addresses are used again when none is left.
// Copies on lanes happen as late as they may: what does not wait for them meets what was there before.
class FencedMemory : public Memory, public emulation::Fence, public WorkRecorder, public CopyLanes {
 public:
  FencedMemory() : region_(mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (region_ == MAP_FAILED) fail("no addresses for an emulated GPU: {}", std::strerror(errno));
  }
  ~FencedMemory() override { munmap(region_, kRoom); }
  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;

  void open() override {
    ++work_done_;
    unlock();
  }
  void close() override {
    const std::lock_guard lock(mutex_);
    if (--opened_ == 0) protect(PROT_NONE);
  }

  std::string name() const override { return "the emulated GPU"; }
  void* take(std::size_t bytes) override {
    void* block = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (bytes > kRoom - used_) fail("{} bytes on the emulated GPU could not be allocated, {} are free", bytes, kRoom - used_);
      block = static_cast<std::byte*>(region_) + used_;
      used_ += (bytes + kPage - 1) / kPage * kPage;
      ++blocks_;
    }
    fill_zero(block, bytes);
    return block;
  }
  void give_back(void*, std::size_t) noexcept override {
    const std::lock_guard lock(mutex_);
    if (--blocks_ == 0) used_ = 0;
  }
  bool take(std::function<void()> work) override {
    if (recorded_ == nullptr) return false;
    if (!no_recording_.empty()) fail("{}", no_recording_);  // as a stream does that is asked for what it cannot record
    recorded_->push_back(std::move(work));
    return true;
  }
  std::unique_ptr<WorkGraph> record(const std::function<void()>& work) override {
    auto graph = std::make_unique<Recorded>(*this);
    recorded_ = &graph->work;
    try {
      work();
    } catch (...) {
      recorded_ = nullptr;
      throw;
    }
    recorded_ = nullptr;
    return graph;
  }
  int graphs_run() const { return graphs_run_; }
  void refuse_to_record(const std::string& reason) { no_recording_ = reason; }

  void* take_host(std::size_t bytes) override { return host_blocks_.emplace_back(bytes).data(); }
  void give_back_host(void* block, std::size_t) noexcept override {
    std::erase_if(host_blocks_, [&](const std::vector<std::byte>& each) { return each.data() == block; });
  }
  void copy_in(void* at, const void* host, std::size_t bytes) override {
    if (!of_lanes(host, bytes)) fail("a copy from the host of what is not page-locked");
    later([this, at, host, bytes] { pending(Lane::in).push_back([=, this] { copy_now(at, host, bytes); }); });
  }
  void copy_out(void* host, const void* at, std::size_t bytes) override {
    if (!of_lanes(host, bytes)) fail("a copy to the host of what is not page-locked");
    later([this, host, at, bytes] {
      if (work_before_out_ != work_done_) fail("a copy to the host does not wait for the work before it");
      pending(Lane::out).push_back([=, this] { copy_now(host, at, bytes); });
    });
  }
  void order(Lane first, Lane then) override {
    later([this, first, then] {
      if (first == Lane::work) {
        if (then == Lane::out) work_before_out_ = work_done_;
      } else if (then == Lane::work) {
        drain(first, pending(first).size());
      } else {
        pending(then).push_back([this, first, end = drained(first) + pending(first).size()] {
          if (end > drained(first)) drain(first, end - drained(first));
        });
      }
    });
  }
  void wait(Lane lane) override {
    if (recorded_ != nullptr) fail("waiting cannot be recorded");
    if (lane != Lane::work) drain(lane, pending(lane).size());
  }

  void fill_zero(void* at, std::size_t bytes) override {
    const auto run = [this, at, bytes] {
      const emulation::Opened opened(this);
      std::memset(at, 0, bytes);
    };
    if (!take(run)) run();
  }
  void move(void* to, const void* from, std::size_t bytes) override {
    const auto run = [this, to, from, bytes] { copy_now(to, from, bytes); };
    if (!take(run)) run();
  }
  void write(void* at, const void* host, std::size_t bytes) override { copy_with_host(at, host, bytes); }
  void read(void* host, const void* at, std::size_t bytes) override {
    ++reads_;
    copy_with_host(host, at, bytes);
  }
  int reads() const { return reads_; }
  void begin_aside() override {}
  void read_aside(void* host, const void* at, std::size_t bytes) override { copy_now(host, at, bytes); }
  std::unique_ptr<WorkClock> clock() override { return make_host_clock(); }
  void synchronize() override {}

 private:
  using Lane = CopyLanes::Lane;
  struct Recorded : WorkGraph {
    explicit Recorded(FencedMemory& of) : memory(of) {}
    void run() override {
      ++memory.graphs_run_;
      for (const auto& each : work) each();
    }
    FencedMemory& memory;
    std::vector<std::function<void()>> work;
  };

  void unlock() {
    const std::lock_guard lock(mutex_);
    if (opened_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void copy_now(void* to, const void* from, std::size_t bytes) {
    unlock();
    std::memcpy(to, from, bytes);
    close();
  }
  void later(const std::function<void()>& run) {
    if (!take(run)) run();
  }
  bool of_lanes(const void* host, std::size_t bytes) const {
    const auto* at = static_cast<const std::byte*>(host);
    return std::any_of(host_blocks_.begin(), host_blocks_.end(), [&](const std::vector<std::byte>& block) {
      return at >= block.data() && at + bytes <= block.data() + block.size();
    });
  }
  std::deque<std::function<void()>>& pending(Lane lane) { return pending_[lane == Lane::in]; }
  std::size_t& drained(Lane lane) { return drained_[lane == Lane::in]; }
  void drain(Lane lane, std::size_t count) {
    for (; count > 0 && !pending(lane).empty(); --count) {
      const auto run = std::move(pending(lane).front());
      pending(lane).pop_front();
      ++drained(lane);
      run();
    }
  }

  void copy_with_host(void* to, const void* from, std::size_t bytes) {
    if (recorded_ != nullptr) fail("a copy from or to the host cannot be recorded");
    copy_now(to, from, bytes);
  }

  static constexpr std::size_t kPage = 4096;
  void protect(int access) { mprotect(region_, used_, access); }

  void* region_;
  std::mutex mutex_;
  int opened_ = 0, blocks_ = 0, graphs_run_ = 0, reads_ = 0;
  std::vector<std::function<void()>>* recorded_ = nullptr;
  std::string no_recording_;
  std::size_t used_ = 0;
  std::list<std::vector<std::byte>> host_blocks_;
  std::deque<std::function<void()>> pending_[2];  // of the lanes out and in
  std::size_t drained_[2] = {};
  std::size_t work_done_ = 0, work_before_out_ = 0;
};

constexpr std::int64_t kScratch = std::int64_t{2} << 20;

}  // namespace

struct EmulatedDevice::State {
  FencedMemory memory;
  Arena scratch;
  cuda::Queue queue{nullptr, nullptr, 0};
};

EmulatedDevice::EmulatedDevice() : state_(std::make_unique<State>()) {
  State& s = *state_;
  ArenaPlan plan;
  const ArenaSlot scratch = plan.add("scratch", Dtype::i8, {kScratch});
  s.scratch = Arena(plan, &s.memory);
  s.queue = cuda::Queue(static_cast<emulation::Fence*>(&s.memory), s.scratch.tensor(scratch).data,
                        static_cast<std::size_t>(kScratch), nullptr, &s.memory);
}

EmulatedDevice::~EmulatedDevice() = default;

int EmulatedDevice::reads() const {
  return state_->memory.reads();
}

int EmulatedDevice::graphs_run() const {
  return state_->memory.graphs_run();
}

void EmulatedDevice::refuse_to_record(const std::string& reason) {
  state_->memory.refuse_to_record(reason);
}

Memory& EmulatedDevice::memory() {
  return state_->memory;
}

Context EmulatedDevice::context(ThreadPool& pool) {
  return {cuda::cuda_backend(), pool, &state_->queue};
}

}  // namespace cairn::test
