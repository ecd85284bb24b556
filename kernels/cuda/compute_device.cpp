// One GPU as a ComputeDevice.
#include "kernels/compute_device.h"

#include <cuda_runtime_api.h>

#include "base/error.h"
#include "base/json.h"
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

  double measure_peak_flops(ThreadPool& threads, Dtype dtype) const override { return measure_product_flops(threads, dtype); }
  MeasuredSizes measured_sizes() const override { return {8192, std::int64_t{1} << 30}; }

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
