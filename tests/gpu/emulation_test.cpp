// The CUDA kernels' indexing, reductions and formulas, on the CPU: every small case of the harness, against ref.
#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "kernels/cuda/reduce.h"
#include "tests/gpu/emulated_backend.h"
#include "tests/kernels/op_comparison.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

struct Emulation {
  ThreadPool pool{2};
  std::vector<std::byte> scratch = std::vector<std::byte>(64 << 20);
  cuda::Queue queue{nullptr, scratch.data(), scratch.size()};
  Context context{emulated_cuda_backend(), pool, &queue};
};

__global__ void sums_kernel(float* out, int threads) {
  __shared__ float reduce[cuda::kWarp];
  const float sum = cuda::block_sum(static_cast<float>(threadIdx.x), reduce);
  const float again = cuda::block_max(-static_cast<float>(threadIdx.x), reduce);
  if (static_cast<int>(threadIdx.x) == threads - 1) out[blockIdx.x] = sum + again;
}

__global__ void lopsided_kernel(int* out) {
  if (threadIdx.x < 16) __syncthreads();
  if (threadIdx.x >= 16) __syncwarp();
  out[threadIdx.x] = 1;
}

}  // namespace

TEST_CASE_FIXTURE(Emulation, "every small case of every operation agrees with the float64 reference") {
  for (OpCase op_case : op_cases()) {
    if (op_case.production || op_case.flops > 6e7) continue;
    for (const Dtype A : {Dtype::f32, Dtype::bf16}) {
      // On tensor cores the weights of attention, and in the backward their gradients, are bfloat16 between two products.
      if (A == Dtype::bf16 && op_case.op.starts_with("attention")) op_case.roundings = std::max(op_case.roundings, 1.0);
      const CaseMemory prepared = prepared_case(op_case, pool, A);
      const Outputs want = run(op_case, ref_backend(), pool, Dtype::f64, prepared);
      compare(op_case, std::string("cuda, emulated, in ") + dtype_name(A), A, run(op_case, context, A, prepared), want);
    }
  }
}

TEST_CASE("sums of a block are right for any number of warps, also when the memory is used again") {
  for (const int threads : {32, 96, 256, 1024}) {
    float out[3] = {};
    cuda::launch(sums_kernel, 3, static_cast<unsigned>(threads), 0, nullptr, out, threads);
    for (const float sum : out) CHECK(sum == static_cast<float>(threads * (threads - 1) / 2));
  }
}

TEST_CASE("a barrier that some threads never reach is an error, not a hang") {
  int out[32] = {};
  CHECK(error_of([&] { cuda::launch(lopsided_kernel, 1, 32, 0, nullptr, out); }) ==
        "CUDA emulation: a barrier or shuffle that not all threads reach");
}

TEST_CASE_FIXTURE(Emulation, "an operation that needs more scratch memory than there is says how much") {
  const cuda::Queue small{nullptr, scratch.data(), 64};
  const Context poor{emulated_cuda_backend(), pool, &small};
  OpCase shape;
  shape.arguments = {{"db", {100}}, {"dy", {3, 100}}};
  CaseMemory memory(shape, Dtype::f32);
  Context context_with_little = poor;
  CHECK(error_of([&] { ops::bias_backward(context_with_little, memory.tensors()[0], memory.tensors()[1]); }) ==
        "an operation on the GPU needs 400 bytes of scratch memory, its queue has 64");
}

}  // namespace cairn::test
