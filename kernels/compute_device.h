// What computes: this machine's processor, or one GPU. Whoever lets people choose a device opens it here and computes with its
// context; the rest of the program does not know which it is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kernels/ops.h"

namespace cairn {

// Texts by name.
using NamedTexts = std::map<std::string, std::string>;

class ComputeDevice {
 public:
  virtual ~ComputeDevice() = default;

  virtual std::string name() const = 0;                    // "cpu", "NVIDIA H200"
  virtual Context context(ThreadPool& threads) const = 0;  // which must not outlive the device
  // Bytes that may still be taken on it; none for the processor, whose memory others watch as well.
  virtual std::optional<std::int64_t> free_memory() const = 0;
  // FLOP/s that MFU is a share of: of the processor's multiply-adds alone; on a GPU as the next.
  virtual double measure_peak_flops(ThreadPool& threads, Dtype dtype) const = 0;
  // FLOP/s that large matrix products reach, and bytes per second, read and written, of a copy inside the memory. Each measures
  // for a second at most.
  double measure_product_flops(ThreadPool& threads, Dtype dtype) const;
  double measure_copy_rate(ThreadPool& threads) const;
  // The algorithms that were chosen while it computed, as the text of a file (a GEMM book); empty when nothing is chosen.
  virtual std::string algorithms() const = 0;
  // Computes with those of such a text from now on. Returns why not, when they hold for another device or library; Error when it
  // is no such text (`origin` names it).
  virtual std::string take_algorithms(const std::string& text, const std::string& origin) = 0;

 protected:
  struct MeasuredSizes {
    std::int64_t side, bytes;  // of a square matrix; of a copy: so large that nothing else counts
  };
  virtual MeasuredSizes measured_sizes() const = 0;
};

// `device`: "cpu", which computes with `backend` (backend_by_name), or "cuda:N". Error (usage) naming what is wrong: the text, or
// why this GPU cannot be used (no driver, none of that number, a library that is missing, an architecture this build has no
// kernels for). Never another device than the one asked for.
std::unique_ptr<ComputeDevice> open_compute_device(const std::string& device, const std::string& backend = "cpu");
inline constexpr const char* kDeviceHelp = "cpu, or a GPU: cuda:0, cuda:1, ...";

// What results may depend on when they are computed on `device`, beside program and machine: "gpu", "driver", "cublaslt"; nothing
// for "cpu". Where there is no such GPU it says so and is no Error. Error (usage) when the text is no device.
NamedTexts device_facts(const std::string& device);

// For the two above: what the build has of GPUs (kernels/cuda/compute_device.cpp, or kernels/cuda/none.cpp).
std::unique_ptr<ComputeDevice> open_gpu(int index);
NamedTexts gpu_facts(int index);

}  // namespace cairn
