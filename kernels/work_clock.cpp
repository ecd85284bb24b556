#include "kernels/work_clock.h"

#include <chrono>
#include <vector>

#include "kernels/memory.h"

namespace cairn {

namespace {

class HostClock : public WorkClock {
 public:
  void mark(const char* what) override { marks_.push_back({what, Clock::now()}); }
  void read(const std::function<void(const char* what, double seconds)>& visit) override {
    for (std::size_t i = 0; i + 1 < marks_.size(); ++i) {
      visit(marks_[i].what, std::chrono::duration<double>(marks_[i + 1].at - marks_[i].at).count());
    }
    marks_.clear();
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    const char* what;
    Clock::time_point at;
  };
  std::vector<Mark> marks_;
};

}  // namespace

std::unique_ptr<WorkClock> make_host_clock() {
  return std::make_unique<HostClock>();
}

std::unique_ptr<WorkClock> make_work_clock(const Context& context) {
  Memory* memory = context.memory();
  return memory == nullptr ? make_host_clock() : memory->clock();
}

}  // namespace cairn
