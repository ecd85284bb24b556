#include "kernels/work_graph.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "kernels/memory.h"

namespace cairn {

WorkRecorder* work_recorder(const Context& context) {
  return dynamic_cast<WorkRecorder*>(context.memory());
}

RepeatedWork::RepeatedWork(const Context& context, std::string what)
    : recorder_(work_recorder(context)), what_(std::move(what)) {}

void RepeatedWork::ask(const Shape& shape, const std::function<void()>& work) {
  if (!records()) return work();
  Recorded& recorded = shapes_[shape];
  if (!std::exchange(recorded.seen, true)) return work();
  if (recorded.graph == nullptr) {
    try {
      recorded.graph = recorder_->record(work);
    } catch (const Error& error) {
      refusal_ = error.what();
      shapes_.clear();
      log_warning(fmt::format("{}: passes are asked for operation by operation, not as graphs: {}", what_, refusal_));
      return work();
    }
  }
  recorded.graph->run();
}

}  // namespace cairn
