#include "engine/train/prefetch.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"

namespace cairn::train {

struct Prefetcher::Slot {
  StepPlan plan;
  TokenBatch batch;
  std::exception_ptr failure;
};

Prefetcher::Prefetcher(Make make, Curriculum curriculum, std::int64_t ahead, std::int64_t workers)
    : make_(std::move(make)), curriculum_(std::move(curriculum)), ahead_(ahead) {
  if (ahead < 0 || workers < 1) fail_usage("prefetch: {} batches ahead by {} workers", ahead, workers);
  if (ahead == 0) return;
  for (std::int64_t i = 0; i < std::min(workers, ahead); ++i) workers_.push_back(std::make_unique<BackgroundQueue>());
}

Prefetcher::~Prefetcher() = default;

// Step s is always the work of queue s mod workers, which does its steps in order.
void Prefetcher::request_up_to(std::int64_t step) {
  const std::int64_t end = std::min(step + 1, curriculum_.steps());
  for (std::int64_t next = slots_.back()->plan.step + 1; next < end; ++next) {
    slots_.push_back(std::make_unique<Slot>(Slot{curriculum_.at(next), {}, nullptr}));
    Slot& slot = *slots_.back();
    workers_[static_cast<std::size_t>(next) % workers_.size()]->submit([this, &slot] {
      try {
        slot.batch = make_(slot.plan);
      } catch (...) {
        slot.failure = std::current_exception();
      }
    });
  }
}

// Behind the step of `slot`, its queue has those of the later slots that fall to it.
void Prefetcher::wait_for(const Slot& slot) {
  const auto count = static_cast<std::int64_t>(workers_.size());
  const std::int64_t later = (slots_.back()->plan.step - slot.plan.step) / count;
  workers_[static_cast<std::size_t>(slot.plan.step % count)]->wait_until_at_most(static_cast<std::size_t>(later));
}

TokenBatch Prefetcher::take(const StepPlan& plan) {
  if (workers_.empty()) return make_(plan);
  if (slots_.empty() || slots_.front()->plan.step != plan.step) {
    for (const auto& worker : workers_) worker->wait_until_at_most(0);
    slots_.clear();
    // The first one is asked for now: the caller makes it while the workers go ahead.
    slots_.push_back(std::make_unique<Slot>(Slot{plan, {}, nullptr}));
    request_up_to(plan.step + ahead_);
    slots_.pop_front();
    return make_(plan);
  }
  request_up_to(plan.step + ahead_);
  wait_for(*slots_.front());
  const std::unique_ptr<Slot> slot = std::move(slots_.front());
  slots_.pop_front();
  if (slot->failure) std::rethrow_exception(slot->failure);
  return std::move(slot->batch);
}

}  // namespace cairn::train
