// Which instruction sets this build has and this machine can run, and the backend of each.
#include "kernels/backend.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <algorithm>

#include "base/error.h"
#include "kernels/cpu/ops.h"

namespace cairn {
namespace {

#define ENTER(entry) backend.entry = cpu::entry;

cpu::CpuBackend make_backend(const cpu::Routines& routines) {
  cpu::CpuBackend backend;
  backend.name = "cpu";
  backend.isa = routines.isa;
  CAIRN_REQUIRED_OPERATIONS(ENTER)
  CAIRN_FUSED_OPERATIONS(ENTER)
  backend.routines = &routines;
  return backend;
}

// Best first; "generic" runs everywhere.
const std::vector<cpu::CpuBackend>& backends() {
  static const std::vector<cpu::CpuBackend> list = [] {
    std::vector<cpu::CpuBackend> found;
#if defined(CAIRN_ONLY_GENERIC)
#elif defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
      if (__builtin_cpu_supports("avx512bf16")) found.push_back(make_backend(cpu::avx512bf16::routines()));
      found.push_back(make_backend(cpu::avx512::routines()));
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(make_backend(cpu::avx2::routines()));
#elif defined(__aarch64__)
    if (getauxval(AT_HWCAP2) & HWCAP2_BF16) found.push_back(make_backend(cpu::neonbf16::routines()));
    found.push_back(make_backend(cpu::neon::routines()));
#endif
    found.push_back(make_backend(cpu::generic::routines()));
    return found;
  }();
  return list;
}

}  // namespace

const Backend& cpu_backend() {
  return backends().front();
}

const Backend& cpu_backend_for_isa(const std::string& isa) {
  std::string known;
  for (const cpu::CpuBackend& backend : backends()) {
    if (backend.isa == isa) return backend;
    known += (known.empty() ? "" : ", ") + backend.isa;
  }
  fail_usage("unknown instruction set '{}'; this machine runs: {}", isa, known);
}

std::vector<std::string> cpu_isa_names() {
  std::vector<std::string> names;
  for (const cpu::CpuBackend& backend : backends()) names.push_back(backend.isa);
  return names;
}

std::string cpu_isa() {
  return cpu_backend().isa;
}

}  // namespace cairn
