// Our attention and cuDNN's on the same numbers, dense and causal: two implementations that share nothing.
#include <algorithm>
#include <cmath>

#include "kernels/cuda/backend.h"
#include "kernels/cuda/cudnn_attention.h"
#include "kernels/cuda/libraries.h"
#include "tests/gpu/device_case.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

// One attention backward case on the GPU, whose forward was done there too, and room for cuDNN's results.
struct Sides {
  cuda::Device device{0, std::size_t{256} << 20};
  DeviceTensors memory{device.memory()};
  Context context;

  explicit Sides(ThreadPool& pool, const Backend& backend) : context{backend, pool, &device.queue()} {}

  Tensor tensor(std::initializer_list<std::int64_t> sizes, Dtype dtype) { return memory.tensor(sizes, dtype); }
  std::vector<double> numbers_of(const Tensor& there) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(there.bytes()));
    Tensor here = there;
    here.data = bytes.data();
    here.memory = nullptr;
    copy(here, there);
    return numbers(here);
  }
  // The largest difference, as a part of the largest number.
  double difference(const Tensor& a, const Tensor& b) {
    const std::vector<double> x = numbers_of(a), y = numbers_of(b);
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, std::abs(x[i] - y[i]));
      largest = std::max(largest, std::abs(y[i]));
    }
    return worst / largest;
  }
};

}  // namespace

TEST_CASE("on the GPU our attention agrees with cuDNN's, forward and backward") {
  const cuda::DeviceList list = cuda::list_devices();
  if (list.devices.empty()) SKIP_TEST("no GPU: " + list.reason);
  if (!list.devices.front().refusal.empty()) SKIP_TEST(list.devices.front().refusal);
  if (cuda::cudnn_library().functions == nullptr) SKIP_TEST("no cuDNN: " + cuda::cudnn_library().reason);
  ThreadPool pool(0);
  for (const std::int64_t E : {64, 128}) {
    constexpr std::int64_t B = 2, T = 1024, H = 4;
    const double scale = 1 / std::sqrt(static_cast<double>(E));
    Sides sides(pool, cuda::cuda_backend());
    OpCase numbers;
    numbers.op = "cudnn";
    numbers.arguments = {
        {"q", {B, T, H, E}}, {"k", {B, T, H, E}}, {"v", {B, T, H, E}}, {"do", {B, T, H, E}}, {"first_key", {B, T}, Fill::start}};
    CaseMemory host(numbers, Dtype::bf16);
    std::vector<Tensor> given;
    for (const Tensor& from : host.tensors()) {
      Tensor to = from.dims == 4 ? sides.tensor({B, T, H, E}, Dtype::bf16) : sides.tensor({B, T}, Dtype::i32);
      copy(to, from);
      given.push_back(to);
    }
    const auto like = [&] { return sides.tensor({B, T, H, E}, Dtype::bf16); };
    const auto per_row = [&] { return sides.tensor({B, H, T}, Dtype::f32); };
    const Tensor o = like(), lse = per_row(), dq = like(), dk = like(), dv = like();
    ops::attention_forward(sides.context, o, lse, given[0], given[1], given[2], given[4], scale);
    ops::attention_backward(sides.context, dq, dk, dv, given[3], given[0], given[1], given[2], o, lse, given[4], scale);

    const cuda::CudnnAttentionShape shape{B, T, H, H, E, scale};
    const Tensor their_o = like(), their_lse = per_row(), their_dq = like(), their_dk = like(), their_dv = like();
    cuda::CudnnAttention forward(shape, cuda::CudnnPass::forward);
    const auto workspace = [&](std::int64_t bytes) {
      return sides.memory.tensor({std::max<std::int64_t>(bytes, 16)}, Dtype::i8).data;
    };
    void* room = workspace(forward.prepare(sides.device.queue().stream()));
    forward.forward(room, their_o, their_lse, given[0], given[1], given[2]);
    CHECK(sides.difference(o, their_o) < 0.02);
    CHECK(sides.difference(lse, their_lse) < 1e-4);
    for (const cuda::CudnnPass pass : {cuda::CudnnPass::backward, cuda::CudnnPass::backward_deterministic}) {
      cuda::CudnnAttention backward(shape, pass);
      room = workspace(backward.prepare(sides.device.queue().stream()));
      const Tensor sums = pass == cuda::CudnnPass::backward ? sides.tensor({B, T, H, E}, Dtype::f32) : Tensor();
      backward.backward(room, their_dq, their_dk, their_dv, given[3], given[0], given[1], given[2], their_o, their_lse, per_row(),
                        sums);
      CHECK(sides.difference(dq, their_dq) < 0.02);
      CHECK(sides.difference(dk, their_dk) < 0.02);
      CHECK(sides.difference(dv, their_dv) < 0.02);
    }
  }
}

}  // namespace cairn::test
