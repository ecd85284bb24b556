// Every operation on the GPU that is there: against ref at small and odd shapes, and again and again at production shapes, where
// each repetition must give the same bits. Skipped out loud on a machine without a GPU.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/json.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/tile_map.h"
#include "tests/gpu/device_case.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

std::string why_not() {
  const cuda::DeviceList list = cuda::list_devices();
  if (list.devices.empty()) return "no GPU: " + list.reason;
  return list.devices.front().refusal;
}

#define REQUIRE_GPU \
  if (const std::string reason = why_not(); !reason.empty()) SKIP_TEST(reason)

// How often a production shape is repeated; CAIRN_GPU_REPEATS says otherwise.
int repeats() {
  const char* set = std::getenv("CAIRN_GPU_REPEATS");
  return set ? std::max(2, std::atoi(set)) : 1000;
}

// CAIRN_GPU_OPS takes the operations whose names contain it; all without.
bool chosen(const OpCase& op_case) {
  const char* ops = std::getenv("CAIRN_GPU_OPS");
  return ops == nullptr || op_case.op.find(ops) != std::string::npos;
}

// The backends that a case is run on: the one of the program, and for attention what it may choose instead.
std::vector<std::pair<std::string, Backend>> backends_of(const OpCase& op_case, Dtype A) {
  std::vector<std::pair<std::string, Backend>> list{{"", cuda::cuda_backend()}};
  const std::int64_t width = op_case.arguments[0].shape.back();
  if (A != Dtype::bf16 || !op_case.op.starts_with("attention") || (width != 64 && width != 128)) return list;
  list.emplace_back(" by mma.sync", cuda::cuda_backend());
  list.back().second.attention_forward = cuda::attention_forward_mma;
  list.back().second.attention_backward = cuda::attention_backward_mma;
  if (cuda::on_hopper() && op_case.op.starts_with("attention_backward")) {
    list.emplace_back(" in turn", cuda::cuda_backend());
    list.back().second.attention_backward = cuda::attention_backward_hopper_ordered;
  }
  return list;
}

}  // namespace

TEST_CASE("on the GPU every small case agrees with the float64 reference") {
  REQUIRE_GPU;
  ThreadPool pool(0);
  cuda::Device device(0, std::size_t{256} << 20);
  for (const OpCase& each : op_cases()) {
    if (each.production || !chosen(each)) continue;
    for (const Dtype A : {Dtype::f32, Dtype::bf16}) {
      const OpCase op_case = on_gpu(each, A);
      const CaseMemory prepared = prepared_case(op_case, pool, A);
      const Outputs want = run(op_case, ref_backend(), pool, Dtype::f64, prepared);
      for (const auto& [name, backend] : backends_of(op_case, A)) {
        CaseMemory host(op_case, A, prepared);
        DeviceCase there(op_case, device, pool, host, backend);
        there.run();
        device.memory().synchronize();
        compare(op_case, device.facts().name + name + " in " + dtype_name(A), A, there.outputs(), want);
      }
    }
  }
}

TEST_CASE("on the GPU production shapes give the same bits each time") {
  REQUIRE_GPU;
  ThreadPool pool(0);
  cuda::Device device(0, std::size_t{2} << 30);
  for (const std::vector<OpCase>* cases : {&op_cases(), &gpu_cases()}) {
    for (const OpCase& op_case : *cases) {
      if (!op_case.production || !chosen(op_case)) continue;
      CaseMemory host(op_case, Dtype::bf16);
      Context reference{cpu_backend(), pool};
      if (op_case.prepare && op_case.flops < 1e11) op_case.prepare(reference, host.tensors());
      for (const auto& [name, backend] : backends_of(op_case, Dtype::bf16)) {
        DeviceCase there(op_case, device, pool, host, backend);
        std::optional<std::uint64_t> first;
        int differ = 0;
        for (int i = 0; i < repeats(); ++i) {
          there.reset();
          there.run();
          const std::uint64_t fingerprint = there.fingerprint();
          if (!first) first = fingerprint;
          differ += fingerprint != *first;
        }
        const std::string who = op_case.op + name + " " + op_case.shape;
        CHECK_MESSAGE(differ == 0, who << ": " << differ << " of " << repeats() << " repetitions differ");
      }
    }
  }
}

TEST_CASE("a GEMM book that was taken over gives the bits of the one that it came from") {
  REQUIRE_GPU;
  ThreadPool pool(1);
  OpCase op_case;
  op_case.op = "matmul";
  op_case.arguments = {{"c", {1000, 1344}, Fill::zero, true}, {"a", {1000, 256}}, {"b", {1344, 256}}};
  op_case.run = [](Context& context, std::vector<Tensor>& t) {
    ops::matmul(context, t[0], t[1], Transpose::no, t[2], Transpose::yes);
  };
  CaseMemory host(op_case, Dtype::bf16);
  cuda::Device one(0), two(0);
  DeviceCase first(op_case, one, pool, host), second(op_case, two, pool, host);
  first.run();
  CHECK(one.gemm_book().size() == 1);
  CHECK(two.gemm_book().take(one.gemm_book().to_json(), "book").empty());
  second.run();
  CHECK(two.gemm_book().size() == 1);
  const bool same = first.bytes() == second.bytes();
  CHECK(same);
}

TEST_CASE("a GPU that is not there is named") {
  const cuda::DeviceList list = cuda::list_devices();
  const std::string error = error_of([&] { cuda::Device device(static_cast<int>(list.devices.size())); });
  CHECK(error.starts_with(list.devices.empty() ? "there is no GPU to use: " : "there is no GPU "));
}

}  // namespace cairn::test
