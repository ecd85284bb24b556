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

cpu::CpuBackend make_backend(const cpu::Routines& routines) {
  cpu::CpuBackend backend;
  backend.name = "cpu";
  backend.isa = routines.isa;
  backend.float64 = false;
  backend.embedding_forward = cpu::embedding_forward;
  backend.embedding_backward = cpu::embedding_backward;
  backend.rmsnorm_forward = cpu::rmsnorm_forward;
  backend.rmsnorm_backward = cpu::rmsnorm_backward;
  backend.matmul = cpu::matmul;
  backend.bias_forward = cpu::bias_forward;
  backend.bias_backward = cpu::bias_backward;
  backend.rope = cpu::rope;
  backend.attention_forward = cpu::attention_forward;
  backend.attention_backward = cpu::attention_backward;
  backend.xielu_forward = cpu::xielu_forward;
  backend.xielu_backward = cpu::xielu_backward;
  backend.swiglu_forward = cpu::swiglu_forward;
  backend.swiglu_backward = cpu::swiglu_backward;
  backend.relu2_forward = cpu::relu2_forward;
  backend.relu2_backward = cpu::relu2_backward;
  backend.add = cpu::add;
  backend.scale = cpu::scale;
  backend.axpby = cpu::axpby;
  backend.convert = cpu::convert;
  backend.cross_entropy = cpu::cross_entropy;
  backend.sum_of_squares = cpu::sum_of_squares;
  backend.adamw = cpu::adamw;
  backend.ademamix = cpu::ademamix;
  backend.add_rmsnorm_forward = cpu::add_rmsnorm_forward;
  backend.norm_rope_forward = cpu::norm_rope_forward;
  backend.norm_rope_backward = cpu::norm_rope_backward;
  backend.routines = &routines;
  return backend;
}

// Best first; "generic" runs everywhere.
const std::vector<cpu::CpuBackend>& backends() {
  static const std::vector<cpu::CpuBackend> list = [] {
    std::vector<cpu::CpuBackend> found;
#if defined(__x86_64__)
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
