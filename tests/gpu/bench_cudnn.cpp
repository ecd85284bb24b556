#include "tests/gpu/bench_cudnn.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "kernels/cuda/cudnn_attention.h"
#include "kernels/cuda/libraries.h"
#include "tests/gpu/device_case.h"

namespace cairn::test {

void bench_cudnn(cuda::Device& device, double peak) {
  for (const auto& [B, T, H, E] :
       std::vector<std::array<std::int64_t, 4>>{{1, 8192, 16, 128}, {1, 8192, 16, 64}, {4, 4096, 16, 128}}) {
    const cuda::CudnnAttentionShape shape{B, T, H, H, E, 1 / std::sqrt(static_cast<double>(E))};
    for (const cuda::CudnnPass pass :
         {cuda::CudnnPass::forward, cuda::CudnnPass::backward, cuda::CudnnPass::backward_deterministic}) {
      const char* name = pass == cuda::CudnnPass::forward    ? "forward"
                         : pass == cuda::CudnnPass::backward ? "backward"
                                                             : "backward, deterministic";
      const double products = pass == cuda::CudnnPass::forward ? 4 : 10;
      const std::string what =
          fmt::format("cuDNN {} attention {} B {} T {} H {} K {} E {}", cuda::cudnn_library().version, name, B, T, H, H, E);
      try {
        cuda::CudnnAttention attention(shape, pass);
        const std::int64_t bytes = attention.prepare(device.queue().stream());
        DeviceTensors memory(device.memory());
        const auto tensor = [&](std::initializer_list<std::int64_t> sizes, Dtype dtype) { return memory.tensor(sizes, dtype); };
        std::vector<Tensor> t;
        for (int i = 0; i < 8; ++i) t.push_back(tensor({B, T, H, E}, Dtype::bf16));
        const Tensor stats = tensor({B, H, T}, Dtype::f32), means = tensor({B, H, T}, Dtype::f32);
        const Tensor sums = tensor({B, T, H, E}, Dtype::f32);
        void* workspace = memory.tensor({std::max<std::int64_t>(bytes, 16)}, Dtype::i8).data;
        const double milliseconds = time_on(device, [&] {
          if (pass == cuda::CudnnPass::forward) {
            attention.forward(workspace, t[3], stats, t[0], t[1], t[2]);
          } else {
            attention.backward(workspace, t[4], t[5], t[6], t[7], t[0], t[1], t[2], t[3], stats, means,
                               pass == cuda::CudnnPass::backward ? sums : Tensor());
          }
        });
        const double flops = products * static_cast<double>(B * H * E) * static_cast<double>(T) * static_cast<double>(T + 1) / 2;
        fmt::print(
            "{{\"what\": \"{}\", \"value\": {:.4g}, \"unit\": \"TFLOP/s\", \"ms\": {:.4g}, \"of_floor\": {:.3f}, "
            "\"workspace_mb\": "
            "{}, \"machine\": \"{}\"}}\n",
            what, flops / milliseconds * 1e-9, milliseconds, flops / peak / milliseconds * 1e3, bytes >> 20, device.facts().name);
      } catch (const Error& error) {
        fmt::print("{{\"what\": \"{}\", \"skipped\": \"{}\"}}\n", what, error.what());
      }
    }
  }
}

}  // namespace cairn::test
