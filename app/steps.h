// The table of contents of the program: every step, one line each, in the order of a model's life (steps.cpp).
#pragma once

namespace cairn::steps {
class StepRegistry;
}

namespace cairn::app {

void register_steps(steps::StepRegistry& registry);

}  // namespace cairn::app
