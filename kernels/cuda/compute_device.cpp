// One GPU as a ComputeDevice.
#include "kernels/compute_device.h"

#include <cuda_runtime_api.h>

#include <chrono>

#include "base/error.h"
#include "base/json.h"
#include "kernels/arena.h"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/libraries.h"

namespace cairn {

namespace {

constexpr std::size_t kScratch = std::size_t{1} << 30;  // the largest that an operation asks for at production shapes

class Gpu : public ComputeDevice {
 public:
  explicit Gpu(int index) : device_(index, kScratch) {}

  std::string name() const override { return device_.facts().name; }
  Context context(ThreadPool& threads) const override { return {cuda::cuda_backend(), threads, &device_.queue()}; }
  std::optional<std::int64_t> free_memory() const override {
    std::size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) fail("the GPU does not tell how much memory is free");
    return static_cast<std::int64_t>(free);
  }

  // Products of 8192 x 8192 x 8192: large enough that nothing but the multipliers counts.
  double measure_peak_flops(ThreadPool& threads, Dtype dtype) const override {
    constexpr std::int64_t kSide = 8192;
    ArenaPlan plan;
    const ArenaSlot a = plan.add("a", dtype, {kSide, kSide}), b = plan.add("b", dtype, {kSide, kSide});
    const ArenaSlot c = plan.add("c", dtype, {kSide, kSide});
    Context context = this->context(threads);
    const Arena arena(plan, context.memory());
    const auto multiply = [&](int times) {
      const auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < times; ++i) {
        ops::matmul(context, arena.tensor(c), arena.tensor(a), Transpose::no, arena.tensor(b), Transpose::yes);
      }
      context.memory()->synchronize();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    multiply(1);
    constexpr int kTimes = 8;
    return kTimes * 2.0 * kSide * kSide * kSide / multiply(kTimes);
  }

  std::string algorithms() const override { return pretty_json(device_.gemm_book().to_json()); }
  std::string take_algorithms(const std::string& text, const std::string& origin) override {
    return device_.gemm_book().take(parse_json(text, origin), origin);
  }

 private:
  mutable cuda::Device device_;
};

std::string driver_version() {
  int version = 0;
  if (cudaDriverGetVersion(&version) != cudaSuccess) return "unknown";
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

std::unique_ptr<ComputeDevice> open_gpu(int index) {
  return std::make_unique<Gpu>(index);
}

NamedTexts gpu_facts(int index) {
  const cuda::DeviceList list = cuda::list_devices();
  if (index >= static_cast<int>(list.devices.size())) return {{"gpu", "none"}};
  const cuda::Library<cuda::CublasLt>& cublaslt = cuda::cublaslt_library();
  return {{"gpu", list.devices[static_cast<std::size_t>(index)].name},
          {"driver", driver_version()},
          {"cublaslt", cublaslt.functions == nullptr ? "none" : cublaslt.version}};
}

}  // namespace cairn
