// cairn: one program for the whole life of an open model. Read on in steps.cpp, what it can do, and cli/verbs.cpp, what one can
// type.
#include "app/cli/cli.h"
#include "app/steps.h"
#include "engine/steps/step.h"

int main(int argc, char** argv) {
  cairn::steps::StepRegistry steps;
  cairn::app::register_steps(steps);
  return cairn::app::run_program(argc, argv, steps);
}
