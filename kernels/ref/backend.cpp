#include "kernels/ref/ref.h"

namespace cairn {

#define ENTER(entry) backend.entry = ref::entry;

const Backend& ref_backend() {
  static const Backend table = [] {
    Backend backend{.name = "ref", .isa = "any", .float64 = true};
    CAIRN_REQUIRED_OPERATIONS(ENTER)
    return backend;
  }();
  return table;
}

}  // namespace cairn
