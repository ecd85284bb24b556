#include "app/comparers.h"

#include "engine/model/compare.h"

namespace cairn::app {

steps::ComparersByExtension content_comparers() {
  return {{".safetensors", model::first_difference}};
}

}  // namespace cairn::app
