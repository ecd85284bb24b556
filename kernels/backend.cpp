#include "kernels/backend.h"

#include "base/error.h"

namespace cairn {

const Backend& backend_by_name(const std::string& name) {
  if (name == "ref") return ref_backend();
  if (name == "cpu") return cpu_backend();
  fail_usage("unknown backend '{}'; known: cpu, ref", name);
}

}  // namespace cairn
