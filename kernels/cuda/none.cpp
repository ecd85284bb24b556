// A build without the GPU backend.
#include "base/error.h"
#include "kernels/compute_device.h"

namespace cairn {

std::unique_ptr<ComputeDevice> open_gpu(int index) {
  fail_usage("cuda:{}: this build computes on the CPU only (Meson option cuda)", index);
}

NamedTexts gpu_facts(int) {
  return {{"gpu", "none"}};
}

}  // namespace cairn
