// Every step of the program, one line each, in the order of a model's life. Each lives in a file of its own that defines its
// `const StepSpec`; adding one is a declaration and a line here (docs/adding_a_step.md).
#include "app/steps.h"

#include "engine/steps/step.h"

namespace cairn {

namespace steps {
extern const StepSpec kExec;  // engine/steps/exec_step.cpp
}

void app::register_steps(steps::StepRegistry& registry) {
  registry.add(steps::kExec);
}

}  // namespace cairn
