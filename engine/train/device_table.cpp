#include "engine/train/device_table.h"

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/schema.h"

namespace cairn::train {

const std::vector<DeviceFacts>& device_table() {
  static const std::vector<DeviceFacts> table{
      // name, title, memory, bandwidth, bf16, f32, fp8, to and from the host, host's memory
      {"a100-40gb", "NVIDIA A100, 40 GB", 40e9, 1.555e12, 312e12, 19.5e12, 0, 32e9},
      {"a100-80gb", "NVIDIA A100 SXM, 80 GB", 80e9, 2.039e12, 312e12, 19.5e12, 0, 32e9},
      {"h100", "NVIDIA H100 SXM, 80 GB", 80e9, 3.35e12, 989.4e12, 67e12, 1978.9e12, 64e9},
      {"h200", "NVIDIA H200 SXM, 141 GB", 141e9, 4.8e12, 989.4e12, 67e12, 1978.9e12, 64e9},
      {"gh200", "NVIDIA GH200, 96 GB", 96e9, 4.0e12, 989.4e12, 67e12, 1978.9e12, 450e9, 480e9},
      {"gh200-144gb", "NVIDIA GH200, 144 GB", 144e9, 4.9e12, 989.4e12, 67e12, 1978.9e12, 450e9, 480e9},
      {"b200", "NVIDIA B200, 180 GB", 180e9, 8.0e12, 2250e12, 75e12, 4500e12, 64e9},
      {"mi300x", "AMD MI300X, 192 GB", 192e9, 5.3e12, 1307.4e12, 163.4e12, 2614.9e12, 64e9},
  };
  return table;
}

const DeviceFacts& device_by_name(const std::string& name) {
  std::vector<std::string> names;
  for (const DeviceFacts& device : device_table()) {
    if (device.name == name) return device;
    names.push_back(device.name);
  }
  const std::string near = nearest_name(name, names);
  fail_usage("unknown device '{}'{}; known: {}", name, near.empty() ? "" : fmt::format(". Did you mean '{}'?", near),
             fmt::join(names, ", "));
}

const DeviceFacts* device_by_title(const std::string& name) {
  const DeviceFacts* found = nullptr;
  std::size_t longest = 0;  // "GH200" holds "H200"
  for (const DeviceFacts& device : device_table()) {
    const std::size_t begin = device.title.find(' ') + 1, end = device.title.find_first_of(" ,", begin);
    const std::string model = device.title.substr(begin, end - begin);
    if (model.size() <= longest || name.find(model) == std::string::npos) continue;
    found = &device;
    longest = model.size();
  }
  return found;
}

}  // namespace cairn::train
