// Every operation on every backend and instruction set against ref in float64, and the same bits for any number of threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "kernels/cpu/ops.h"
#include "tests/kernels/op_comparison.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

void compare_backends(const OpCase& op_case, ThreadPool& pool, bool ref_too) {
  for (const Dtype A : {Dtype::f32, Dtype::bf16}) {
    const CaseMemory prepared = prepared_case(op_case, pool, A);
    const Outputs want = run(op_case, ref_backend(), pool, Dtype::f64, prepared);
    const std::string type = std::string(" in ") + dtype_name(A);
    if (ref_too) compare(op_case, "ref" + type, A, run(op_case, ref_backend(), pool, A, prepared), want);
    for (const std::string& isa : cpu_isa_names()) {
      compare(op_case, "cpu " + isa + type, A, run(op_case, cpu_backend_for_isa(isa), pool, A, prepared), want);
    }
  }
}

// An entry that does nothing.
template <typename Result, typename... Arguments>
void stand_in(Result (*&entry)(Context&, Arguments...)) {
  entry = [](Context&, Arguments...) { return Result(); };
}
#define STAND_IN(entry) stand_in(backend.entry);

}  // namespace

TEST_CASE("every backend and instruction set agrees with the float64 reference: odd and small shapes") {
  ThreadPool pool(2);
  for (const OpCase& op_case : op_cases()) {
    if (!op_case.production) compare_backends(op_case, pool, true);
  }
}

TEST_CASE("every instruction set agrees with the float64 reference: production shapes") {
  // Large matrix products: matmul_test.cpp.
  ThreadPool pool(2);
  for (const OpCase& op_case : op_cases()) {
    if (!op_case.production || op_case.flops > 3e8) continue;
    compare_backends(op_case, pool, false);
  }
}

TEST_CASE("the same bits for 1, 2, 3 and 5 threads") {
  std::vector<std::unique_ptr<ThreadPool>> pools;
  for (const int threads : {1, 2, 3, 5}) pools.push_back(std::make_unique<ThreadPool>(threads));
  for (const OpCase& op_case : op_cases()) {
    if (op_case.flops > 1.5e9) continue;
    for (const Dtype A : {Dtype::f32, Dtype::bf16}) {
      CaseMemory memory(op_case, A);
      Context context{cpu_backend(), *pools[0]};
      if (op_case.prepare) op_case.prepare(context, memory.tensors());
      const Outputs one = run(op_case, cpu_backend(), *pools[0], A, memory);
      for (std::size_t p = 1; p < pools.size(); ++p) {
        const bool same = run(op_case, cpu_backend(), *pools[p], A, memory) == one;
        CHECK_MESSAGE(same, op_case.op << " " << op_case.shape << " in " << dtype_name(A) << " differs between 1 and "
                                       << pools[p]->threads() << " threads");
      }
    }
  }
}

TEST_CASE("the optimizers give the same bits on every instruction set, and moments in bfloat16 are rounded as ref rounds them") {
  ThreadPool pool(2);
  for (const OpCase& op_case : op_cases()) {
    if (op_case.op != "adamw" && op_case.op != "ademamix") continue;
    for (const Dtype A : {Dtype::f32, Dtype::bf16}) {
      const CaseMemory prepared = prepared_case(op_case, pool, A);
      const Outputs first = run(op_case, cpu_backend(), pool, A, prepared);
      for (const std::string& isa : cpu_isa_names()) {
        const bool same = run(op_case, cpu_backend_for_isa(isa), pool, A, prepared) == first;
        CHECK_MESSAGE(same, op_case.op << " " << op_case.shape << " in " << dtype_name(A) << " on " << isa);
      }
      if (A != Dtype::bf16) continue;
      // ref computes in double: where float32 arithmetic is off by a little, a draw may fall between; seldom.
      const Outputs ref = run(op_case, ref_backend(), pool, A, prepared);
      std::size_t all = 0, differ = 0;
      for (std::size_t output = 1; output < ref.size(); ++output) {
        for (std::size_t i = 0; i < ref[output].size(); ++i) ++all, differ += ref[output][i] != first[output][i];
      }
      CHECK_MESSAGE(differ * 500 <= all + 499, op_case.op << " " << op_case.shape << ": " << differ << " of " << all);
    }
  }
}

TEST_CASE("what the cpu backend fuses agrees with the composition that stands in for it") {
  ThreadPool pool(2);
  int compared = 0;
  for (const std::string& isa : cpu_isa_names()) {
    const Backend& fused = cpu_backend_for_isa(isa);
    cpu::CpuBackend composed = static_cast<const cpu::CpuBackend&>(fused);
    composed.add_rmsnorm_forward = nullptr;
    composed.norm_rope_forward = nullptr;
    composed.norm_rope_backward = nullptr;
    for (const OpCase& op_case : op_cases()) {
      const bool adds = op_case.op == "add_rmsnorm_forward";
      if (!adds && op_case.op.rfind("norm_rope", 0) != 0) continue;
      for (const Dtype A : {Dtype::f32, Dtype::bf16}) {
        const CaseMemory prepared = prepared_case(op_case, pool, A);
        const Outputs got = run(op_case, composed, pool, A, prepared);
        compare(op_case, "composition, " + isa, A, got, run(op_case, ref_backend(), pool, Dtype::f64, prepared));
        if (adds) CHECK(got == run(op_case, fused, pool, A, prepared));  // to the last bit
        ++compared;
      }
    }
  }
  CHECK(compared > 10);
}

TEST_CASE("no operation looks at what lies on a GPU: shapes and types are checked without") {
  Backend backend{.name = "nothing", .isa = "any"};
  CAIRN_OPERATIONS(STAND_IN)
  ThreadPool pool(1);
  Context context{backend, pool};
  for (const OpCase& op_case : op_cases()) {
    if (op_case.production) continue;
    CaseMemory memory(op_case, Dtype::f32);
    std::vector<Tensor> tensors = memory.tensors();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (op_case.arguments[i].kind == Kind::returned) continue;
      tensors[i].data = tensors[i].memory = reinterpret_cast<Memory*>(4096);  // nothing is mapped there
    }
    CHECK(error_of([&] { op_case.run(context, tensors); }) == "");
  }
}

TEST_CASE("a matrix product's element does not depend on how many other rows and columns there are") {
  ThreadPool pool(1);
  Context context{cpu_backend(), pool};
  constexpr std::int64_t M = 61, N = 77, K = 450;
  OpCase shape;
  shape.op = "rows";
  shape.arguments = {{"a", {M, K}}, {"b", {N, K}}, {"c", {M, N}, Fill::zero}, {"part", {M, N}, Fill::zero}};
  CaseMemory memory(shape, Dtype::f32);
  const Tensor a = memory.tensors()[0], b = memory.tensors()[1], c = memory.tensors()[2];
  ops::matmul(context, c, a, Transpose::no, b, Transpose::yes);
  const Tensor part = Tensor(memory.tensors()[3].data, Dtype::f32, {20, 33});
  ops::matmul(context, part, a.rows(17, 37), Transpose::no, b.rows(40, 73), Transpose::yes);
  for (std::int64_t m = 0; m < 20; ++m) {
    for (std::int64_t n = 0; n < 33; ++n) CHECK(part.as<float>()[m * 33 + n] == c.as<float>()[(17 + m) * N + 40 + n]);
  }
}

TEST_CASE("paged attention of a sequence has the same bits in a batch and alone, wherever its pages lie") {
  ThreadPool pool(2);
  for (const std::string& isa : cpu_isa_names()) {
    for (const Dtype A : {Dtype::f32, Dtype::bf16}) check_sequences_stand_alone({cpu_backend_for_isa(isa), pool}, isa, A);
  }
}

TEST_CASE("matrix products and attention take rows that lie apart") {
  ThreadPool pool(2);
  OpCase shape;
  shape.op = "strided";
  shape.arguments = {{"qkv", {2, 45, 4, 24}},
                     {"o", {2, 45, 2, 24}, Fill::zero},
                     {"lse", {2, 2, 45}, Fill::zero},
                     {"first", {2, 45}, Fill::documents, false, 0}};
  CaseMemory memory(shape, Dtype::f32);
  const Tensor qkv = memory.tensors()[0], o = memory.tensors()[1], lse = memory.tensors()[2], first = memory.tensors()[3];
  const auto heads = [&](std::int64_t begin, std::int64_t end) {
    Tensor view = qkv;
    view.data = qkv.as<float>() + begin * 24;
    view.shape[2] = end - begin;
    return view;
  };
  Context reference{ref_backend(), pool};
  ops::attention_forward(reference, o, lse, heads(0, 2), heads(2, 3), heads(3, 4), first, 0.2);
  const std::vector<double> want = numbers(o);
  for (const std::string& isa : cpu_isa_names()) {
    Context context{cpu_backend_for_isa(isa), pool};
    ops::attention_forward(context, o, lse, heads(0, 2), heads(2, 3), heads(3, 4), first, 0.2);
    const std::vector<double> got = numbers(o);
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-5));
  }

  // c = a b on the inner columns of wider matrices.
  Tensor wide = qkv.reshape({90, 96}), a = wide, b = wide;
  a.shape = {90, 40, 1, 1};
  b.data = wide.as<float>() + 40;
  b.shape = {40, 50, 1, 1};
  std::vector<float> expected(90 * 50), got(90 * 60, -1.0f);
  ops::matmul(reference, Tensor(expected.data(), Dtype::f32, {90, 50}), a, Transpose::no, b, Transpose::no);
  Tensor c(got.data(), Dtype::f32, {90, 60});
  c.shape[1] = 50;
  for (const std::string& isa : cpu_isa_names()) {
    Context context{cpu_backend_for_isa(isa), pool};
    ops::matmul(context, c, a, Transpose::no, b, Transpose::no);
    for (std::size_t m = 0; m < 90; ++m) {
      for (std::size_t n = 0; n < 50; ++n) CHECK(got[m * 60 + n] == doctest::Approx(expected[m * 50 + n]).epsilon(1e-4));
      for (std::size_t n = 50; n < 60; ++n) CHECK(got[m * 60 + n] == -1.0f);  // what lies between the rows is not touched
    }
  }
}

TEST_CASE("attention sees no key of the document before, wherever the border falls among the tiles") {
  ThreadPool pool(2);
  constexpr std::int64_t T = 245, E = 4;
  OpCase shape;
  shape.op = "border";
  shape.arguments = {{"q", {1, T, 1, E}},
                     {"k", {1, T, 1, E}},
                     {"v", {1, T, 1, E}},
                     {"o", {1, T, 1, E}, Fill::zero},
                     {"lse", {1, 1, T}, Fill::zero},
                     {"first", {1, T}, Fill::start},
                     {"do", {1, T, 1, E}},
                     {"dq", {1, T, 1, E}, Fill::zero},
                     {"dk", {1, T, 1, E}, Fill::zero},
                     {"dv", {1, T, 1, E}, Fill::zero}};
  CaseMemory memory(shape, Dtype::f32);
  const std::vector<Tensor>& t = memory.tensors();
  for (std::int64_t border = 1; border < T; ++border) {
    for (std::int64_t i = border; i < T; ++i) t[5].as<std::int32_t>()[i] = static_cast<std::int32_t>(border);
    for (std::int64_t i = 0; i < border; ++i) t[5].as<std::int32_t>()[i] = 0;
    const auto results = [&](const Backend& backend) {
      Context context{backend, pool};
      ops::attention_forward(context, t[3], t[4], t[0], t[1], t[2], t[5], 0.5);
      ops::attention_backward(context, t[7], t[8], t[9], t[6], t[0], t[1], t[2], t[3], t[4], t[5], 0.5);
      return std::vector{numbers(t[3]), numbers(t[4]), numbers(t[7]), numbers(t[8]), numbers(t[9])};
    };
    const auto want = results(ref_backend());
    for (const std::string& isa : cpu_isa_names()) {
      const auto got = results(cpu_backend_for_isa(isa));
      double worst = 0;
      for (std::size_t output = 0; output < want.size(); ++output) {
        for (std::size_t i = 0; i < want[output].size(); ++i) worst = std::max(worst, std::abs(got[output][i] - want[output][i]));
      }
      CHECK_MESSAGE(worst < 1e-5, isa << ": border at " << border << ", error " << worst);
    }
  }
}

TEST_CASE("numbers that are none stay none") {
  ThreadPool pool(1);
  const float nan = std::nanf("");
  for (const std::string& isa : cpu_isa_names()) {
    Context context{cpu_backend_for_isa(isa), pool};
    std::vector<float> logits(100, 0.5f), x(40, nan), y(40), a{0.1f}, loss(1), weight{1.0f};
    std::vector<std::int32_t> target{3};
    logits[70] = nan;
    ops::cross_entropy(context, Tensor(loss.data(), Dtype::f32, {1}), Tensor(logits.data(), Dtype::f32, {1, 100}),
                       Tensor(target.data(), Dtype::i32, {1}), Tensor(weight.data(), Dtype::f32, {1}), true);
    CHECK(std::isnan(loss[0]));
    ops::xielu_forward(context, Tensor(y.data(), Dtype::f32, {40}), Tensor(x.data(), Dtype::f32, {40}),
                       Tensor(a.data(), Dtype::f32, {1}), Tensor(a.data(), Dtype::f32, {1}));
    for (const float value : y) CHECK(std::isnan(value));
  }
}

}  // namespace cairn::test
