#include "kernels/compute_device.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <limits>

#include "base/error.h"
#include "kernels/arena.h"
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
  MeasuredSizes measured_sizes() const override { return {2048, std::int64_t{64} << 20}; }
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

// The shortest of several runs of `work`, in seconds.
double shortest(const Context& context, const std::function<void()>& work) {
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run < 6; ++run) {
    if (context.memory() != nullptr) context.memory()->synchronize();
    const auto begin = std::chrono::steady_clock::now();
    work();
    if (context.memory() != nullptr) context.memory()->synchronize();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

}  // namespace

double ComputeDevice::measure_product_flops(ThreadPool& threads, Dtype dtype) const {
  const std::int64_t n = measured_sizes().side;
  Context context = this->context(threads);
  ArenaPlan plan;
  const ArenaSlot a = plan.add("a", dtype, {n, n}), b = plan.add("b", dtype, {n, n}), c = plan.add("c", dtype, {n, n});
  const Arena arena(plan, context.memory());
  const double seconds = shortest(
      context, [&] { ops::matmul(context, arena.tensor(c), arena.tensor(a), Transpose::no, arena.tensor(b), Transpose::yes); });
  return 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / seconds;
}

double ComputeDevice::measure_copy_rate(ThreadPool& threads) const {
  const std::int64_t bytes = measured_sizes().bytes;
  Context context = this->context(threads);
  ArenaPlan plan;
  const ArenaSlot from = plan.add("from", Dtype::i8, {bytes}), to = plan.add("to", Dtype::i8, {bytes});
  Arena arena(plan, context.memory());
  zero(arena.tensor(from));  // pages that were never written are no memory yet
  zero(arena.tensor(to));
  return 2.0 * static_cast<double>(bytes) / shortest(context, [&] { copy(arena.tensor(to), arena.tensor(from)); });
}

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
