#include "kernels/backend.h"

#include "base/error.h"

namespace cairn {

const Backend& cpu_backend() {
  static const Backend backend = [] {
    Backend table = ref_backend();
    table.name = "cpu";
    table.isa = "generic";
    table.float64 = false;
    return table;
  }();
  return backend;
}

const Backend& cpu_backend_for_isa(const std::string& isa) {
  if (isa == "generic") return cpu_backend();
  fail_usage("unknown instruction set '{}'; this machine runs: generic", isa);
}

std::vector<std::string> cpu_isa_names() {
  return {"generic"};
}
std::string cpu_isa() {
  return cpu_backend().isa;
}

}  // namespace cairn
