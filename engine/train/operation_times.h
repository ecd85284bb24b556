// The time of each operation of a training beside the least that it could take: what `cairn bench train --report` shows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/observed_backend.h"
#include "kernels/work_clock.h"

namespace cairn::train {

struct OperationTime {
  std::string name;  // "matmul NT 4096x2048x2048", "rmsnorm_forward"
  std::int64_t calls = 0;
  double seconds = 0;
  double flops = 0;  // of products and attention: multiplications and additions
  double bytes = 0;  // each tensor read once where it is read, written once where it is written
};

// FLOP and bytes of one call. Attention counts the pairs of a row that is cut into `documents` of equal length.
double flops_of(const OperationCall& call, std::int64_t documents = 1);
double bytes_of(const OperationCall& call);
std::string name_of(const OperationCall& call);
// "products", "attention", "optimizer" or "elements": what a person would make faster as one thing.
const char* kind_of(const std::string& operation);

// Watches while `watching`; read() after each step.
class OperationTimes : public OperationObserver {
 public:
  explicit OperationTimes(std::int64_t documents = 1) : documents_(documents) {}
  void watch(std::unique_ptr<WorkClock> clock) { clock_ = std::move(clock); }  // null: no more

  void begin(const OperationCall& call) override;
  void end(const OperationCall& call) override;
  // Waits for the work and takes in what was watched since the last call.
  void read();

  std::vector<OperationTime> operations() const;  // the longest first
  double between() const { return between_; }     // seconds between the end of an operation and the begin of the next

 private:
  std::int64_t documents_;
  std::unique_ptr<WorkClock> clock_;
  std::vector<OperationTime> pending_;  // one call each
  std::map<std::string, OperationTime> times_;
  double between_ = 0;
};

}  // namespace cairn::train
