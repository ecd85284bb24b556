// Times the production cases of op_cases.h and the shapes of models of a billion parameters on the GPU, one JSON line each:
// milliseconds, rate, and the share of the floor that the data sheet's bf16 peak and memory rate would allow (--peak TFLOP/s and
// --bandwidth GB/s; an H200's when left out; products of 8 bits count with twice the peak). --op takes the operations whose names
// contain the text; "cudnn" is cuDNN's attention.
//
//   bench_gpu [--op TEXT] [--type f32|bf16] [--peak 989.4] [--bandwidth 4800]
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/tile_map.h"
#include "tests/gpu/bench_cudnn.h"
#include "tests/gpu/device_case.h"

namespace cairn::test {
namespace {

struct Floor {
  double peak = 989.4e12, bandwidth = 4800e9;
};

void bench_case(const OpCase& op_case, cuda::Device& device, ThreadPool& pool, Dtype A, const Floor& floor,
                const Backend& backend = cuda::cuda_backend(), const std::string& name = "") {
  CaseMemory host(op_case, A);
  Context reference{cpu_backend(), pool};
  // What a production shape's backward needs from its forward is not worth a minute on the CPU: any numbers take as long.
  if (op_case.prepare && op_case.flops < 1e11) op_case.prepare(reference, host.tensors());
  DeviceCase there(op_case, device, pool, host, backend);
  const double peak = op_case.op.starts_with("matmul_fp8") ? 2 * floor.peak : floor.peak;
  const double seconds = there.time() * 1e-3, bytes = op_case.traffic.bytes(A);
  const bool by_flops = op_case.flops / peak > bytes / floor.bandwidth;
  fmt::print(
      "{{\"what\": \"{} {} {}\", \"value\": {:.4g}, \"unit\": \"{}\", \"ms\": {:.4g}, \"of_floor\": {:.3f}, \"machine\": "
      "\"{}\"}}\n",
      op_case.op + name, op_case.shape, dtype_name(A), (by_flops ? op_case.flops * 1e-12 : bytes * 1e-9) / seconds,
      by_flops ? "TFLOP/s" : "GB/s", seconds * 1e3, std::max(op_case.flops / peak, bytes / floor.bandwidth) / seconds,
      device.facts().name);
}

int bench(int argc, char** argv) {
  std::string op;
  Dtype A = Dtype::bf16;
  Floor floor;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--op") op = value;
    if (name == "--type") A = value == "f32" ? Dtype::f32 : Dtype::bf16;
    if (name == "--peak") floor.peak = std::atof(value.c_str()) * 1e12;
    if (name == "--bandwidth") floor.bandwidth = std::atof(value.c_str()) * 1e9;
  }
  ThreadPool pool(0);
  cuda::Device device(0, std::size_t{2} << 30);
  for (const std::vector<OpCase>* cases : {&op_cases(), &gpu_cases()}) {
    for (const OpCase& op_case : *cases) {
      if (!op_case.production || op_case.op.find(op) == std::string::npos) continue;
      bench_case(op_case, device, pool, A, floor);
      const std::int64_t width = op_case.arguments[0].shape.back();
      if (!op_case.op.starts_with("attention_backward") || A != Dtype::bf16 || (width != 64 && width != 128)) continue;
      Backend in_turn = cuda::cuda_backend();
      in_turn.attention_backward = cuda::attention_backward_hopper_ordered;
      if (cuda::on_hopper()) bench_case(op_case, device, pool, A, floor, in_turn, "_in_turn");
    }
  }
  if (op.empty() || op == "cudnn" || op == "attention") bench_cudnn(device, floor.peak);
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
