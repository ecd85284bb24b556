// The one thread pool. Work is cut by the caller into pieces whose results do not depend on who does them, so the outcome is
// the same for any number of threads: reductions are done per piece and then in piece order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace cairn {

class ThreadPool {
 public:
  // `threads` >= 1 counts the calling thread, which works too; 0 = one per available core.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls fn(i) once for each i in [0, count), in any order and on any thread, and returns when all are done. The first
  // exception (by index) is rethrown after the others have finished. A call from inside a piece runs serially.
  void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& fn);

  // Cuts [0, size) into pieces of `grain` (the last may be shorter) and calls fn(begin, end) for each. The pieces depend on
  // size and grain alone.
  void parallel_ranges(std::int64_t size, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& fn);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn
