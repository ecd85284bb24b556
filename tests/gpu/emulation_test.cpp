// The CUDA kernels' indexing, reductions and formulas, on the CPU: every small case of the harness, against ref.
#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/fingerprint.h"
#include "kernels/cuda/queue.h"
#include "kernels/cuda/reduce.h"
#include "kernels/observed_backend.h"
#include "tests/kernels/op_comparison.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

struct Emulation {
  ThreadPool pool{2};
  std::vector<std::byte> scratch = std::vector<std::byte>(64 << 20);
  cuda::Queue queue{nullptr, scratch.data(), scratch.size()};
  Context context{cuda::cuda_backend(), pool, &queue};
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
  for (const OpCase& each : op_cases()) {
    if (each.production || each.flops > 6e7) continue;
    for (const Dtype A : {Dtype::f32, Dtype::bf16}) {
      const OpCase op_case = on_gpu(each, A);
      const CaseMemory prepared = prepared_case(op_case, pool, A);
      const Outputs want = run(op_case, ref_backend(), pool, Dtype::f64, prepared);
      compare(op_case, std::string("cuda, emulated, in ") + dtype_name(A), A, run(op_case, context, A, prepared), want);
    }
  }
}

TEST_CASE_FIXTURE(Emulation, "moments move by 1 - beta of the distance to the last digits, also where beta is near 1") {
  std::vector<float> p(1), m1(1), m2(1), v(1), g{1};
  const auto view = [](std::vector<float>& values) { return Tensor(values.data(), Dtype::f32, {1}); };
  const double beta1 = 0.999, beta2 = 0.9999, beta3 = 0.999999;
  ops::ademamix(context, view(p), view(m1), view(m2), view(v), view(g),
                {.lr = 0, .beta1 = beta1, .beta2 = beta2, .beta3 = beta3, .alpha = 1, .eps = 1, .weight_decay = 0, .step = 1});
  CHECK(m1[0] == static_cast<float>(1 - beta1));
  CHECK(m2[0] == static_cast<float>(1 - beta3));
  CHECK(v[0] == static_cast<float>(1 - beta2));
}

TEST_CASE_FIXTURE(Emulation, "numbers that are none stay none") {
  const auto view = [](std::vector<float>& values) {
    return Tensor(values.data(), Dtype::f32, {static_cast<std::int64_t>(values.size())});
  };
  std::vector<float> x(9, std::nanf("")), minus(9, -1), y(9), a{0.1f};
  ops::relu2_forward(context, view(y), view(x));
  for (const float value : y) CHECK(std::isnan(value));
  ops::relu2_backward(context, view(y), view(x), view(minus));
  for (const float value : y) CHECK(std::isnan(value));
  ops::xielu_forward(context, view(y), view(x), view(a), view(a));
  for (const float value : y) CHECK(std::isnan(value));
}

TEST_CASE_FIXTURE(Emulation, "paged attention of a sequence has the same bits in a batch and alone, wherever its pages lie") {
  for (const Dtype A : {Dtype::f32, Dtype::bf16}) check_sequences_stand_alone(context, "cuda, emulated", A);
}

TEST_CASE_FIXTURE(Emulation, "a logit that is none is never drawn while there is one") {
  constexpr std::int64_t N = 60, V = 5;
  std::vector<float> logits;
  std::vector<double> rules;
  std::vector<std::int32_t> draws, tokens(N), expected(N);
  for (std::int64_t n = 0; n < N; ++n) {
    logits.insert(logits.end(), {std::nanf(""), 1, 2, std::nanf(""), 0});
    rules.insert(rules.end(), {n % 10 == 0 ? 0.0 : 1.5, n % 2 == 0 ? 1.0 : 0.9, n % 3 == 0 ? 4.0 : 0.0, n % 5 == 0 ? 0.1 : 0.0});
    draws.insert(draws.end(), {7, 0, static_cast<std::int32_t>(n), 0});
  }
  Context reference{ref_backend(), pool};
  for (const auto& [on, to] : {std::pair{&context, &tokens}, {&reference, &expected}}) {
    ops::sample(*on, Tensor(to->data(), Dtype::i32, {N}), Tensor(logits.data(), Dtype::f32, {N, V}),
                Tensor(rules.data(), Dtype::f64, {N, 4}), Tensor(draws.data(), Dtype::i32, {N, 4}));
  }
  CHECK(tokens == expected);
  for (const std::int32_t token : tokens) CHECK((token == 1 || token == 2 || token == 4));
}

TEST_CASE_FIXTURE(Emulation, "operations that are watched go to the queue of their context") {
  OperationObserver nobody;
  const ObservedBackend watched = observe(cuda::cuda_backend(), nobody);
  Context watching{watched, pool, &queue};
  std::vector<float> x{3, 4};
  CHECK(ops::sum_of_squares(watching, Tensor(x.data(), Dtype::f32, {2})) == 25);
}

TEST_CASE_FIXTURE(Emulation, "the fingerprint of memory tells a changed, an exchanged and a missing byte") {
  std::vector<std::uint32_t> words(40000);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::uint32_t>(i * i);
  const auto of = [&](std::size_t bytes) { return cuda::fingerprint(queue, words.data(), bytes); };
  const std::uint64_t whole = of(160000), shorter = of(159999);
  CHECK(of(160000) == whole);
  CHECK(shorter != whole);
  std::swap(words[3], words[39000]);
  CHECK(of(160000) != whole);
  std::swap(words[3], words[39000]);
  words[20000] ^= 1;
  CHECK(of(160000) != whole);
  words[20000] ^= 1;
  CHECK(of(160000) == whole);
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
  const Context poor{cuda::cuda_backend(), pool, &small};
  OpCase shape;
  shape.arguments = {{"db", {100}}, {"dy", {3, 100}}};
  CaseMemory memory(shape, Dtype::f32);
  Context context_with_little = poor;
  CHECK(error_of([&] { ops::bias_backward(context_with_little, memory.tensors()[0], memory.tensors()[1]); }) ==
        "an operation on the GPU needs 400 bytes of scratch memory, its queue has 64");
}

}  // namespace cairn::test
