// Kernels that are made of Hopper's own instructions, on the CPU: with copies that come at once and copies that come as late as
// they may; and that the emulation shows what a missing wait does.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/panels.h"
#include "kernels/cuda/queue.h"
#include "tests/kernels/op_comparison.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

using cuda::Barrier;
using cuda::Panels;
using cuda::TileMap;

struct Emulation {
  ThreadPool pool{2};
  std::vector<std::byte> scratch = std::vector<std::byte>(64 << 20);
  cuda::Queue queue{nullptr, scratch.data(), scratch.size()};

  // check_attention() with copies that come at once and as late as they may, and warpgroups that go evenly and do not.
  void check_under_all_conditions(const Backend& backend, const std::string& who) {
    for (const auto& [late, seed] : {std::pair{false, 0}, {false, 1}, {true, 0}, {true, 2}}) {
      emulation::late_copies(late);
      emulation::uneven(static_cast<std::uint64_t>(seed));
      check_attention(backend, who + (late ? ", late copies" : ", early copies") + ", speeds " + std::to_string(seed));
    }
    emulation::late_copies(false);
    emulation::uneven(0);
  }

  // Every small case of attention that tensor cores take.
  void check_attention(const Backend& backend, const std::string& who) {
    const Context context{backend, pool, &queue};
    int cases = 0;
    for (const OpCase& each : op_cases()) {
      if (each.production || each.flops > 6e7 || !each.op.starts_with("attention_") || each.arguments[0].shape.size() != 4)
        continue;
      if (const std::int64_t E = each.arguments[0].shape[3]; E != 64 && E != 128) continue;
      const OpCase op_case = on_gpu(each, Dtype::bf16);
      const CaseMemory prepared = prepared_case(op_case, pool, Dtype::bf16);
      compare(op_case, who, Dtype::bf16, run(op_case, context, Dtype::bf16, prepared),
              run(op_case, ref_backend(), pool, Dtype::f64, prepared));
      ++cases;
    }
    CHECK(cases >= 8);
  }
};

// One tile [64 x 64] times another, transposed or not, by one warpgroup. `flaws`: 1 the barrier is not waited for, 2 the result
// is not.
__global__ void product_kernel(float* out, TileMap a, TileMap b, bool transposed, int flaws) {
  struct Memory {
    unsigned char a[64 * 128], b[64 * 128];
    Barrier there;
  };
  CAIRN_TILE_SHARED(Memory, m);
  const Panels<64, 64> left{m->a}, right{m->b};
  if (threadIdx.x == 0) {
    cuda::init_barrier(&m->there, 1);
    cuda::publish_barriers();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    cuda::arrive_expecting(&m->there, 2 * Panels<64, 64>::kBytes);
    left.fetch(a, &m->there, 0, 0, 0);
    right.fetch(b, &m->there, 0, 0, 0);
  }
  if (!(flaws & 1)) cuda::wait(&m->there, 0);
  float c[32] = {};
  if (transposed) {
    cuda::begin_scores<64>(c, left, 0, right);
  } else {
    std::uint32_t fragments[4][4];
    for (int k = 0; k < 4; ++k) {
      for (int r = 0; r < 4; ++r) {
        const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
        fragments[k][r] =
            *reinterpret_cast<std::uint32_t*>(left.at(warp * 16 + lane / 4 + r % 2 * 8, k * 16 + lane % 4 * 2 + r / 2 * 8));
      }
    }
    cuda::begin_products();
    cuda::add_weighted<64>(c, fragments, right);
    cuda::end_products();
  }
  if (flaws & 2) {
    for (int i = 0; i < 32; ++i) out[threadIdx.x * 32 + static_cast<unsigned>(i)] = c[i];
  }
  cuda::wait_products<0>();
  if (flaws & 2) return;
  for (int i = 0; i < 32; ++i) out[threadIdx.x * 32 + static_cast<unsigned>(i)] = c[i];
}

__global__ void lonely_kernel(bool expects) {
  CAIRN_TILE_SHARED(Barrier, barrier);
  if (threadIdx.x == 0) cuda::init_barrier(barrier, 1);
  __syncthreads();
  if (threadIdx.x == 0 && expects) cuda::arrive_expecting(barrier, 16);
  cuda::wait(barrier, 0);
}

// The largest error of product_kernel on small whole numbers, which are exact.
float error_of_product(bool transposed, int flaws) {
  std::vector<cuda::Bf16> a(64 * 64), b(64 * 64);
  const auto number = [](std::size_t i, std::size_t factor) { return static_cast<float>(i * factor % 17) - 8; };
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = cuda::from_float<cuda::Bf16>(number(i, 7));
    b[i] = cuda::from_float<cuda::Bf16>(number(i, 5));
  }
  const auto map = [](std::vector<cuda::Bf16>& values) {
    return cuda::tile_map(Tensor(values.data(), Dtype::bf16, {1, 64, 1, 64}), 64);
  };
  std::vector<float> out(128 * 32, -1e9f);
  cuda::launch(product_kernel, 1, 128, 64 * 256 + 8 + cuda::kTileAlignment, nullptr, out.data(), map(a), map(b), transposed,
               flaws);
  float worst = 0;
  for (std::size_t thread = 0; thread < 128; ++thread) {
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t row = thread / 32 * 16 + thread % 32 / 4 + i % 4 / 2 * 8, column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      float want = 0;
      for (std::size_t k = 0; k < 64; ++k)
        want += number(row * 64 + k, 7) * number(transposed ? column * 64 + k : k * 64 + column, 5);
      worst = std::max(worst, std::abs(out[thread * 32 + i] - want));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("products of a warpgroup through swizzled tiles are exact on whole numbers") {
  for (const bool late : {false, true}) {
    emulation::late_copies(late);
    CHECK(error_of_product(true, 0) == 0);
    CHECK(error_of_product(false, 0) == 0);
  }
  emulation::late_copies(false);
}

TEST_CASE("the emulation shows what is read before it is there") {
  CHECK(error_of_product(true, 2) > 1);
  emulation::late_copies(true);
  CHECK(error_of_product(true, 1) > 1);
  emulation::late_copies(false);
  for (const bool expects : {false, true}) {
    CHECK(error_of([&] { cuda::launch(lonely_kernel, 1, 64, 8 + cuda::kTileAlignment, nullptr, expects); }) ==
          "CUDA emulation: a barrier or shuffle that not all threads reach");
  }
}

TEST_CASE_FIXTURE(Emulation,
                  "attention by Hopper's instructions agrees with the reference, whenever copies come and whoever is first") {
  check_under_all_conditions(cuda::cuda_backend(), "hopper");
}

TEST_CASE_FIXTURE(Emulation, "attention's backward with dQ summed in turn agrees with the reference, whoever is first") {
  Backend backend = cuda::cuda_backend();
  backend.attention_backward = cuda::attention_backward_hopper_ordered;
  check_under_all_conditions(backend, "hopper in turn");
}

TEST_CASE_FIXTURE(Emulation, "attention by the instructions of all tensor cores agrees with the reference") {
  Backend backend = cuda::cuda_backend();
  backend.attention_forward = cuda::attention_forward_mma;
  backend.attention_backward = cuda::attention_backward_mma;
  check_attention(backend, "mma");
}

}  // namespace cairn::test
