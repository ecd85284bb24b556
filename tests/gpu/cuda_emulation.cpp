#include "tests/gpu/cuda_emulation.h"

#include <csetjmp>

#include <ucontext.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <vector>

#include "base/error.h"

namespace cairn::emulation {
namespace {

constexpr std::size_t kStack = 128 << 10;
constexpr unsigned kLanes = 32, kWarpgroup = 128;
constexpr std::size_t kAlignment = 1024;

enum class State { ready, at_block_barrier, at_warp_barrier, waits_for_condition, done };

// ucontext starts a fiber; afterwards it changes places by setjmp and longjmp, which ask nothing of the kernel.
struct Fiber {
  ucontext_t context{};
  jmp_buf resume;
  bool started = false;
  std::unique_ptr<std::byte[]> stack{new std::byte[kStack]};
  State state = State::ready;
  Place place;
  std::uint64_t given = 0;  // to a shuffle
  unsigned index = 0;       // in the block
  const std::function<bool()>* condition = nullptr;
};

struct Meeting {
  unsigned arrived = 0;
  std::uint64_t held = 0;  // how often it has been complete
};

// One block at a time; the fibers are kept for the next.
class Block {
 public:
  void run(dim3 grid, dim3 block, const uint3& index, std::size_t shared, const std::function<void()>& kernel) {
    kernel_ = &kernel;
    count_ = block.x * block.y * block.z;
    shared_.assign(shared + kAlignment, std::byte{0xa5});  // not zero: a kernel must write before it reads
    meetings_.clear();
    ++number_;
    while (fibers_.size() < count_) fibers_.push_back(std::make_unique<Fiber>());
    for (unsigned i = 0; i < count_; ++i) {
      Fiber& fiber = *fibers_[i];
      fiber.index = i;
      fiber.state = State::ready;
      fiber.started = false;
      fiber.place = {{i % block.x, i / block.x % block.y, i / (block.x * block.y)}, index, block, grid};
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get();
      fiber.context.uc_stack.ss_size = kStack;
      fiber.context.uc_link = nullptr;
      makecontext(&fiber.context, &Block::enter, 0);
    }
    while (turn()) {
    }
    current_ = nullptr;
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  Fiber& current() {
    if (current_ == nullptr) fail("CUDA emulation: not inside a kernel");
    return *current_;
  }
  void wait(State state) {
    current_->state = state;
    if (_setjmp(current_->resume) == 0) _longjmp(scheduler_, 1);
  }
  Fiber& in_warp(int lane) { return *fibers_.at(current_->index / kLanes * kLanes + static_cast<unsigned>(lane)); }
  void* shared() {
    void* at = shared_.data();
    std::size_t space = shared_.size();
    return std::align(kAlignment, 1, at, space);
  }
  void wait_until(const std::function<bool()>& condition) {
    if (condition()) return;
    current_->condition = &condition;
    wait(State::waits_for_condition);
  }
  void give_way() {
    static const std::function<bool()> at_once = [] { return true; };
    current_->condition = &at_once;
    wait(State::waits_for_condition);
  }
  void meet(int name, unsigned threads, bool waits) {
    Meeting& meeting = meetings_[name];
    const std::uint64_t before = meeting.held;
    if (++meeting.arrived == threads) {
      meeting.arrived = 0;
      ++meeting.held;
    } else if (waits) {
      wait_until([&] { return meeting.held != before; });
    }
  }

  std::uint64_t number() const { return number_; }
  void uneven(std::uint64_t seed) { seed_ = seed; }

  static Block& instance() {
    static thread_local Block block;
    return block;
  }

 private:
  static void enter() {
    Block& self = instance();
    try {
      (*self.kernel_)();
    } catch (...) {
      self.failure_ = std::current_exception();
    }
    self.current_->state = State::done;
    _longjmp(self.scheduler_, 1);
  }

  void resume(Fiber& fiber) {
    if (_setjmp(scheduler_) != 0) return;  // the fiber waits, or is done
    if (fiber.started) _longjmp(fiber.resume, 1);
    fiber.started = true;
    setcontext(&fiber.context);
  }

  // Every fiber that can go on runs until it waits; then barriers that all have reached open. False when all are done.
  bool turn() {
    bool moved = false;
    ++turns_;
    for (unsigned i = 0; i < count_ && !failure_; ++i) {
      if (fibers_[i]->state != State::ready) continue;
      if (seed_ != 0 && sleeps(i / kWarpgroup)) {
        moved = true;  // it can go on, later
        continue;
      }
      current_ = fibers_[i].get();
      resume(*current_);
      moved = true;
    }
    if (failure_) return false;
    bool all_done = true;
    for (unsigned first = 0; first < count_; first += kLanes) {
      if (open(first, std::min(count_, first + kLanes), State::at_warp_barrier)) moved = true;
    }
    if (open(0, count_, State::at_block_barrier)) moved = true;
    for (unsigned i = 0; i < count_; ++i) {
      Fiber& fiber = *fibers_[i];
      if (fiber.state != State::waits_for_condition || !(*fiber.condition)()) continue;
      fiber.state = State::ready;
      moved = true;
    }
    for (unsigned i = 0; i < count_; ++i) all_done &= fibers_[i]->state == State::done;
    if (all_done) return false;
    if (!moved) fail("CUDA emulation: a barrier or shuffle that not all threads reach");
    return true;
  }

  // Whether a warpgroup stands still: for some turns at a time, by a draw (SplitMix64's finish) for each of them.
  bool sleeps(unsigned warpgroup) const {
    std::uint64_t z = seed_ + (turns_ / 8 * 64 + warpgroup) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return ((z ^ (z >> 27)) >> 40 & 1) != 0;
  }

  bool open(unsigned begin, unsigned end, State barrier) {
    bool any = false;
    for (unsigned i = begin; i < end; ++i) {
      if (fibers_[i]->state != barrier && fibers_[i]->state != State::done) return false;
      any |= fibers_[i]->state == barrier;
    }
    for (unsigned i = begin; i < end; ++i) {
      if (fibers_[i]->state == barrier) fibers_[i]->state = State::ready;
    }
    return any;
  }

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<std::byte> shared_;
  std::map<int, Meeting> meetings_;
  std::uint64_t number_ = 0, turns_ = 0, seed_ = 0;
  const std::function<void()>* kernel_ = nullptr;
  Fiber* current_ = nullptr;
  jmp_buf scheduler_;
  unsigned count_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

const Place& place() {
  return Block::instance().current().place;
}

void* dynamic_shared() {
  return Block::instance().shared();
}

void block_barrier() {
  Block::instance().wait(State::at_block_barrier);
}

void warp_barrier() {
  Block::instance().wait(State::at_warp_barrier);
}

void wait_until(const std::function<bool()>& condition) {
  Block::instance().wait_until(condition);
}

void uneven(std::uint64_t seed) {
  Block::instance().uneven(seed);
}

void give_way() {
  Block::instance().give_way();
}

void meet(int name, unsigned threads, bool waits) {
  Block::instance().meet(name, threads, waits);
}

std::uint64_t block_number() {
  return Block::instance().number();
}

unsigned thread_index() {
  return Block::instance().current().index;
}

int lane() {
  return static_cast<int>(Block::instance().current().index % kLanes);
}

void publish(std::uint64_t value) {
  Block::instance().current().given = value;
  warp_barrier();
}

std::uint64_t published(int lane) {
  return Block::instance().in_warp(lane).given;
}

std::uint64_t exchange(std::uint64_t value, int source) {
  publish(value);
  const std::uint64_t got = published(source);
  warp_barrier();
  return got;
}

void run_grid(dim3 grid, dim3 block, std::size_t shared, const std::function<void()>& kernel) {
  if (block.x * block.y * block.z == 0 || block.x * block.y * block.z > 1024 || grid.x * grid.y * grid.z == 0)
    fail("CUDA emulation: {} x {} x {} threads in {} x {} x {} blocks is no launch", block.x, block.y, block.z, grid.x, grid.y,
         grid.z);
  if (shared > 227 * 1024) fail("CUDA emulation: {} bytes of shared memory, a block has 232448 at most", shared);
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) Block::instance().run(grid, block, {x, y, z}, shared, kernel);
    }
  }
}

}  // namespace cairn::emulation
