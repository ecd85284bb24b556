// Batches made ready ahead of the steps that read them, so that training never waits for data.
//
// A batch is a function of its step alone, so neither the number of workers nor how far they are ahead changes what is read; a
// step out of turn, as after a restart, only costs what was made ready in vain.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/background_queue.h"
#include "engine/train/curriculum.h"
#include "engine/train/loader.h"

namespace cairn::train {

class Prefetcher {
 public:
  using Make = std::function<TokenBatch(const StepPlan&)>;

  // `make` is called by `workers` threads side by side, each for a step of its own; at most `ahead` batches beyond the one asked
  // for are kept or under way. `ahead` 0 makes each batch when it is asked for. What `make` refers to must outlive the
  // prefetcher.
  Prefetcher(Make make, Curriculum curriculum, std::int64_t ahead, std::int64_t workers);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // The batch of this step; what `make` threw for it is thrown here. One caller at a time.
  TokenBatch take(const StepPlan& plan);

 private:
  struct Slot;
  void request_up_to(std::int64_t step);
  void wait_for(const Slot& slot);

  Make make_;
  Curriculum curriculum_;
  std::int64_t ahead_;
  std::deque<std::unique_ptr<Slot>> slots_;                // of consecutive steps, the next one first
  std::vector<std::unique_ptr<BackgroundQueue>> workers_;  // last: they end before what they fill
};

}  // namespace cairn::train
