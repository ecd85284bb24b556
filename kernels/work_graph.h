// Work that is recorded once and then asked for as one thing: a CUDA graph. What an operation is given (addresses, sizes,
// numbers) is fixed when it is recorded; what lies at the addresses is not.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "kernels/ops.h"

namespace cairn {

class WorkGraph {
 public:
  virtual ~WorkGraph() = default;
  virtual void run() = 0;  // after the work asked for so far, like any operation
};

// A Memory that can record the work of its queue.
class WorkRecorder {
 public:
  virtual ~WorkRecorder() = default;
  // Calls work(), which only asks for work and waits for none; nothing of it is done yet. Error when some of it cannot be
  // recorded.
  virtual std::unique_ptr<WorkGraph> record(const std::function<void()>& work) = 0;
};

// Null where the context computes on what records nothing: the processor.
WorkRecorder* work_recorder(const Context& context);

// Work that is asked for again and again, in a few shapes: recorded where that can be done, and otherwise done as it is, to the
// same bits. For one thread.
class RepeatedWork {
 public:
  using Shape = std::array<std::int64_t, 3>;

  // `context` must outlive it. `what` begins the warning: "decoding".
  RepeatedWork(const Context& context, std::string what);

  // Does `work`, which must be the same each time for one shape (its addresses, sizes and numbers). The first time of a shape as
  // it is, so that algorithms are chosen; from the second on as recorded. When recording fails, with one warning for all shapes,
  // this and all later work is done as it is: an error of the work itself then shows.
  void ask(const Shape& shape, const std::function<void()>& work);

  bool records() const { return recorder_ != nullptr && refusal_.empty(); }
  bool has_recorder() const { return recorder_ != nullptr; }
  const std::string& refusal() const { return refusal_; }  // why recording failed; empty: it has not

 private:
  struct Recorded {
    bool seen = false;
    std::unique_ptr<WorkGraph> graph;
  };
  WorkRecorder* recorder_;
  std::string what_, refusal_;
  std::map<Shape, Recorded> shapes_;
};

}  // namespace cairn
