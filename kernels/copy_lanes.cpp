#include "kernels/copy_lanes.h"

namespace cairn {

CopyLanes* copy_lanes(Memory* memory) {
  return dynamic_cast<CopyLanes*>(memory);
}

}  // namespace cairn
