// How `cairn reproduce` looks into files whose format the program knows (engine/steps/compare.h).
#pragma once

#include "engine/steps/compare.h"

namespace cairn::app {

steps::ComparersByExtension content_comparers();

}  // namespace cairn::app
