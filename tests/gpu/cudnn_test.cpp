// cuDNN's attention: that its engines for Hopper recognise the graph that we build, asked of a device described by text.
#include "kernels/cuda/cudnn_attention.h"

#include <algorithm>

#include "kernels/cuda/libraries.h"
#include "tests/support/test.h"

namespace cairn::test {

TEST_CASE("cuDNN knows our graphs of causal attention, forward and backward, with and without groups of heads") {
  if (cuda::cudnn_library().functions == nullptr) SKIP_TEST("no cuDNN: " + cuda::cudnn_library().reason);
  // Engine 2 is the forward for Hopper, 6 the backward (spec/training.md §3.3); a later version may have others.
  const bool known_version = cuda::cudnn_library().version.starts_with("9.19.");
  for (const std::int64_t E : {64, 128}) {
    for (const std::int64_t K : {16, 4}) {
      for (const cuda::CudnnPass pass :
           {cuda::CudnnPass::forward, cuda::CudnnPass::backward, cuda::CudnnPass::backward_deterministic}) {
        const cuda::CudnnAttention attention({2, 1024, 16, K, E, 0.1}, pass);
        const std::vector<std::int64_t> engines = attention.engines_on(cuda::kHopperForCudnn);
        CHECK(!engines.empty());
        if (!known_version) continue;
        const std::int64_t expected = pass == cuda::CudnnPass::forward ? 2 : 6;
        CHECK(std::find(engines.begin(), engines.end(), expected) != engines.end());
      }
    }
  }
}

TEST_CASE("a device that cuDNN does not know is an error that says so") {
  if (cuda::cudnn_library().functions == nullptr) SKIP_TEST("no cuDNN: " + cuda::cudnn_library().reason);
  const cuda::CudnnAttention attention({1, 128, 2, 2, 64, 0.1}, cuda::CudnnPass::forward);
  CHECK(error_of([&] { attention.engines_on("{}"); }).starts_with("cuDNN: "));
}

}  // namespace cairn::test
