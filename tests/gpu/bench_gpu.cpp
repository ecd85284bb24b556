// Times the production cases of op_cases.h on the GPU, one JSON line each: milliseconds, rate, and the share of the floor that
// the data sheet's bf16 peak and memory rate would allow (--peak TFLOP/s and --bandwidth GB/s; an H200's when left out).
//
//   bench_gpu [--op TEXT] [--type f32|bf16] [--peak 989.4] [--bandwidth 4800]
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>

#include "base/error.h"
#include "tests/gpu/device_case.h"

namespace cairn::test {
namespace {

int bench(int argc, char** argv) {
  std::string op;
  Dtype A = Dtype::bf16;
  double peak = 989.4e12, bandwidth = 4800e9;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--op") op = value;
    if (name == "--type") A = value == "f32" ? Dtype::f32 : Dtype::bf16;
    if (name == "--peak") peak = std::atof(value.c_str()) * 1e12;
    if (name == "--bandwidth") bandwidth = std::atof(value.c_str()) * 1e9;
  }
  ThreadPool pool(0);
  cuda::Device device(0, std::size_t{1} << 30);
  for (const OpCase& op_case : op_cases()) {
    if (!op_case.production || op_case.op.find(op) == std::string::npos) continue;
    CaseMemory host(op_case, A);
    Context reference{cpu_backend(), pool};
    if (op_case.prepare) op_case.prepare(reference, host.tensors());
    DeviceCase there(op_case, device, pool, A, host);
    const double seconds = there.time() * 1e-3, bytes = op_case.traffic.bytes(A);
    const bool by_flops = op_case.flops / peak > bytes / bandwidth;
    fmt::print(
        "{{\"what\": \"{} {} {}\", \"value\": {:.4g}, \"unit\": \"{}\", \"ms\": {:.4g}, \"of_floor\": {:.3f}, \"machine\": "
        "\"{}\"}}\n",
        op_case.op, op_case.shape, dtype_name(A), (by_flops ? op_case.flops * 1e-12 : bytes * 1e-9) / seconds,
        by_flops ? "TFLOP/s" : "GB/s", seconds * 1e3, std::max(op_case.flops / peak, bytes / bandwidth) / seconds,
        device.facts().name);
  }
  return 0;
}

}  // namespace
}  // namespace cairn::test

int main(int argc, char** argv) {
  try {
    return cairn::test::bench(argc, argv);
  } catch (const cairn::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
