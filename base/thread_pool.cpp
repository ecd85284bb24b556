#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/error.h"

namespace cairn {
namespace {

using Piece = std::function<void(std::int64_t)>;

// Set while this thread runs a piece: a nested call must not wait for threads that wait for it.
thread_local bool t_inside_piece = false;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// Spins until done() or until `spin` is over; says which. Kernels follow each other within microseconds, a futex costs tens of
// them.
constexpr auto kSpin = std::chrono::microseconds(50);
template <typename Done>
bool spin_until(Done&& done) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return done();
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// A ticket says which job is on (high half) and which piece is next (low half). kNoPiece: nothing to take.
constexpr std::uint32_t kNoPiece = std::numeric_limits<std::uint32_t>::max();
std::uint64_t make_ticket(std::uint32_t job, std::uint32_t piece) {
  return static_cast<std::uint64_t>(job) << 32 | piece;
}
std::uint32_t job_of(std::uint64_t ticket) {
  return static_cast<std::uint32_t>(ticket >> 32);
}
std::uint32_t piece_of(std::uint64_t ticket) {
  return static_cast<std::uint32_t>(ticket);
}

void run_serially(std::int64_t count, const Piece& fn) {
  std::exception_ptr first;
  for (std::int64_t i = 0; i < count; ++i) {
    try {
      fn(i);
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace

// How a job is handed out. The caller sets the ticket to (job, kNoPiece), writes what the job is, and then sets it to (job, 0). A
// thread reads the ticket, then the job, then takes a piece by compare-and-swap of that same ticket: success proves that the job
// it read is the one whose piece it took, and the caller cannot leave before that piece is counted as done. A thread that wakes
// late finds nothing to take and holds nobody up.
struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex caller;  // one job at a time

  alignas(64) std::atomic<std::uint64_t> ticket{make_ticket(0, kNoPiece)};
  std::atomic<const Piece*> fn{nullptr};
  std::atomic<std::int64_t> first{0};  // index of piece 0
  std::atomic<std::uint32_t> count{0};

  alignas(64) std::atomic<std::uint32_t> done{0};
  std::atomic<int> caller_sleeps{0};

  alignas(64) std::atomic<int> sleepers{0};
  std::atomic<int> wakeups{0};
  std::atomic<bool> ending{false};

  std::mutex failure_mutex;
  std::exception_ptr failure;
  std::int64_t failure_index = 0;

  void keep_failure(std::int64_t index) {
    const std::lock_guard lock(failure_mutex);
    if (!failure || index < failure_index) {
      failure = std::current_exception();
      failure_index = index;
    }
  }

  // Takes and runs pieces until none is left.
  void work() {
    std::uint32_t ran = 0;
    t_inside_piece = true;
    std::uint64_t seen = ticket.load(std::memory_order_acquire);
    for (;;) {
      const Piece* piece_fn = fn.load(std::memory_order_acquire);
      const std::int64_t base = first.load(std::memory_order_acquire);
      const std::uint32_t pieces = count.load(std::memory_order_acquire);
      if (piece_of(seen) == kNoPiece || piece_of(seen) >= pieces) {
        if (ran > 0) report(ran);
        ran = 0;
        // Another job may have begun between the load and here; it cannot have while `ran` was not reported.
        const std::uint64_t again = ticket.load(std::memory_order_acquire);
        if (job_of(again) == job_of(seen) || piece_of(again) == kNoPiece) break;
        seen = again;
        continue;
      }
      if (!ticket.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      const std::int64_t index = base + piece_of(seen);
      try {
        (*piece_fn)(index);
      } catch (...) {
        keep_failure(index);
      }
      ++ran;
      seen = ticket.load(std::memory_order_acquire);
    }
    t_inside_piece = false;
  }

  void report(std::uint32_t ran) {
    // Sequentially consistent, as is the caller's side: either we see that it sleeps or it sees our count.
    done.fetch_add(ran, std::memory_order_seq_cst);
    if (caller_sleeps.load(std::memory_order_seq_cst) != 0) done.notify_all();
  }

  bool has_work() const {
    const std::uint64_t now = ticket.load(std::memory_order_seq_cst);
    return piece_of(now) != kNoPiece && piece_of(now) < count.load(std::memory_order_acquire);
  }

  void worker_loop() {
    for (;;) {
      if (spin_until([this] { return has_work() || ending.load(std::memory_order_relaxed); })) {
        if (ending.load(std::memory_order_relaxed)) return;
        work();
        continue;
      }
      const int seen = wakeups.load(std::memory_order_seq_cst);
      sleepers.fetch_add(1, std::memory_order_seq_cst);
      if (!has_work() && !ending.load(std::memory_order_seq_cst)) wakeups.wait(seen, std::memory_order_seq_cst);
      sleepers.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  void wake_all() {
    wakeups.fetch_add(1, std::memory_order_seq_cst);
    wakeups.notify_all();
  }

  // One job of fewer than 2^32 - 1 pieces.
  void run(std::int64_t begin, std::uint32_t pieces, const Piece& piece) {
    const std::uint32_t job = job_of(ticket.load(std::memory_order_relaxed)) + 1;
    ticket.store(make_ticket(job, kNoPiece), std::memory_order_seq_cst);
    done.store(0, std::memory_order_release);
    fn.store(&piece, std::memory_order_release);
    first.store(begin, std::memory_order_release);
    count.store(pieces, std::memory_order_release);
    ticket.store(make_ticket(job, 0), std::memory_order_seq_cst);
    if (sleepers.load(std::memory_order_seq_cst) > 0) wake_all();

    work();
    const auto all_done = [&] { return done.load(std::memory_order_acquire) == pieces; };
    if (!spin_until(all_done)) {
      caller_sleeps.store(1, std::memory_order_seq_cst);
      for (std::uint32_t now = done.load(std::memory_order_seq_cst); now != pieces; now = done.load(std::memory_order_seq_cst)) {
        done.wait(now, std::memory_order_seq_cst);
      }
      caller_sleeps.store(0, std::memory_order_relaxed);
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads < 0) fail("a thread pool needs 1 thread or more, {} asked for", threads);
  if (threads == 0) threads = available_cores();
  for (int i = 1; i < threads; ++i) state_->workers.emplace_back([state = state_.get()] { state->worker_loop(); });
}

ThreadPool::~ThreadPool() {
  state_->ending.store(true, std::memory_order_seq_cst);
  state_->wake_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const {
  return static_cast<int>(state_->workers.size()) + 1;
}

void ThreadPool::parallel_for(std::int64_t count, const Piece& fn) {
  if (count <= 0) return;
  if (t_inside_piece || count == 1 || state_->workers.empty()) return run_serially(count, fn);
  const std::lock_guard lock(state_->caller);
  constexpr std::int64_t kMostPieces = 1 << 30;
  for (std::int64_t begin = 0; begin < count; begin += kMostPieces) {
    state_->run(begin, static_cast<std::uint32_t>(std::min(kMostPieces, count - begin)), fn);
  }
  if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
}

void ThreadPool::parallel_ranges(std::int64_t size, std::int64_t grain,
                                 const std::function<void(std::int64_t, std::int64_t)>& fn) {
  if (grain <= 0) fail("pieces of {} items asked for", grain);
  if (size <= 0) return;
  parallel_for((size - 1) / grain + 1, [&](std::int64_t i) { fn(i * grain, std::min(size, (i + 1) * grain)); });
}

}  // namespace cairn
