// Accelerators by their data sheets: what a plan of a training is held against before there is any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::train {

constexpr int kDeviceTableVersion = 2;  // goes up with every change of a number

// One device. Rates are those of the maker's data sheet, dense (without sparsity); what a program reaches lies below.
struct DeviceFacts {
  std::string name;   // "gh200"
  std::string title;  // "NVIDIA GH200, 96 GB"
  double memory_bytes = 0;
  double bytes_per_second = 0;       // between memory and compute
  double bf16_flops = 0;             // per second, matrix products with float32 sums
  double f32_flops = 0;              // per second, float32 proper
  double fp8_flops = 0;              // likewise of float8 operands; 0 = it has none
  double host_bytes_per_second = 0;  // each way between the device and its host: PCI Express, NVLink-C2C; 0 = not known
  double host_bytes = 0;             // memory of the host that is the device's own share; 0 = not known
  double attention_share = 1;        // of these rates that attention reaches, forward ...
  double attention_back_share = 1;   // ... and backward
};

const std::vector<DeviceFacts>& device_table();
// Error (usage) listing the known names.
const DeviceFacts& device_by_name(const std::string& name);

// The one that a driver calls `name` ("NVIDIA H200", "NVIDIA GH200 480GB"); null when none is known, as for a processor.
const DeviceFacts* device_by_title(const std::string& name);

}  // namespace cairn::train
