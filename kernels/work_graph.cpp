#include "kernels/work_graph.h"

#include "kernels/memory.h"

namespace cairn {

WorkRecorder* work_recorder(const Context& context) {
  return dynamic_cast<WorkRecorder*>(context.memory());
}

}  // namespace cairn
