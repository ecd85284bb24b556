#include "kernels/compute_device.h"

#include <charconv>
#include <optional>

#include "base/error.h"
#include "kernels/cpu/peak.h"

namespace cairn {

namespace {

class Processor : public ComputeDevice {
 public:
  explicit Processor(const Backend& backend) : backend_(backend) {}
  std::string name() const override { return "cpu"; }
  Context context(ThreadPool& threads) const override { return {backend_, threads}; }
  std::optional<std::int64_t> free_memory() const override { return std::nullopt; }
  double measure_peak_flops(ThreadPool& threads, Dtype dtype) const override { return cairn::measure_peak_flops(threads, dtype); }
  std::string algorithms() const override { return ""; }
  std::string take_algorithms(const std::string&, const std::string&) override { return ""; }

 private:
  const Backend& backend_;
};

// The number of "cuda:N"; none for "cpu".
std::optional<int> gpu_index(const std::string& device) {
  if (device == "cpu") return std::nullopt;
  constexpr std::string_view kPrefix = "cuda:";
  int index = -1;
  const char* end = device.data() + device.size();
  if (device.starts_with(kPrefix)) {
    const auto parsed = std::from_chars(device.data() + kPrefix.size(), end, index);
    if (parsed.ec == std::errc() && parsed.ptr == end && index >= 0) return index;
  }
  fail_usage("device: expected cpu or cuda:N, found '{}'", device);
}

}  // namespace

std::unique_ptr<ComputeDevice> open_compute_device(const std::string& device, const std::string& backend) {
  const std::optional<int> gpu = gpu_index(device);
  if (!gpu) return std::make_unique<Processor>(backend_by_name(backend));
  if (backend != "cpu") fail_usage("backend '{}' computes on the processor, not on {}", backend, device);
  return open_gpu(*gpu);
}

NamedTexts device_facts(const std::string& device) {
  const std::optional<int> gpu = gpu_index(device);
  return gpu ? gpu_facts(*gpu) : NamedTexts();
}

}  // namespace cairn
