// step exec: any program as a step, with declared inputs and outputs.
//
// The program runs in an empty folder with a small environment: what `env` says, PATH, HOME (that folder), LC_ALL=C.UTF-8, and
// CAIRN_INPUT_ROLE and CAIRN_OUTPUT_ROLE with the paths of what was declared. In its arguments, {input:ROLE} and {output:ROLE}
// become those paths. The program's file is an input too ("program"), so that it is known which program it was.
#pragma once

#include "engine/steps/step.h"

namespace cairn::steps {

extern const StepSpec kExec;

}  // namespace cairn::steps
