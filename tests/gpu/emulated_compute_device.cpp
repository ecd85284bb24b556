// The GPUs of this test program: one, emulated.
#include "base/error.h"
#include "kernels/compute_device.h"
#include "tests/gpu/emulated_device.h"

namespace cairn {

namespace {

class EmulatedGpu : public ComputeDevice {
 public:
  std::string name() const override { return "emulated GPU"; }
  Context context(ThreadPool& threads) const override { return device_.context(threads); }
  std::optional<std::int64_t> free_memory() const override { return std::int64_t{64} << 20; }
  double measure_peak_flops(ThreadPool&, Dtype) const override { return 1e9; }
  MeasuredSizes measured_sizes() const override { return {16, 4096}; }
  std::string algorithms() const override { return book_; }
  std::string take_algorithms(const std::string& text, const std::string& origin) override {
    if (text.find("another") != std::string::npos) return origin + " is of another GPU";
    book_ = text;
    return "";
  }

 private:
  mutable test::EmulatedDevice device_;
  std::string book_ = "{\"products\": []}\n";
};

}  // namespace

std::unique_ptr<ComputeDevice> open_gpu(int index) {
  if (index != 0) fail_usage("there is no GPU {}; this machine has 1", index);
  return std::make_unique<EmulatedGpu>();
}

NamedTexts gpu_facts(int index) {
  if (index != 0) return {{"gpu", "none"}};
  return {{"gpu", "emulated GPU"}, {"driver", "1.2"}, {"cublaslt", "none"}};
}

}  // namespace cairn
