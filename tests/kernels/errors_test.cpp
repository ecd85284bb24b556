// What an operation says about arguments that do not fit: its name, the argument, what was found and what was expected.
#include <array>
#include <string>
#include <vector>

#include "kernels/arena.h"
#include "kernels/backend.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

struct Fixture {
  ThreadPool pool{1};
  Context context{cpu_backend(), pool};
  std::vector<double> memory = std::vector<double>(4096);
  std::vector<std::int32_t> indices = std::vector<std::int32_t>(64);
  Tensor f32(std::initializer_list<std::int64_t> sizes) { return Tensor(memory.data(), Dtype::f32, sizes); }
  Tensor f64(std::initializer_list<std::int64_t> sizes) { return Tensor(memory.data(), Dtype::f64, sizes); }
  Tensor i32(std::initializer_list<std::int64_t> sizes) { return Tensor(indices.data(), Dtype::i32, sizes); }
};

constexpr Transpose kNo = Transpose::no, kYes = Transpose::yes;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "matmul names the argument whose shape does not fit") {
  CHECK(error_of([&] {
          ops::matmul(context, f32({4, 3}), f32({4, 7}), kNo, f32({5, 6}), kYes);
        }) == "matmul: b is float32 [5, 6], expected float32 [5, 7]");
  CHECK(error_of([&] {
          ops::matmul(context, f32({4, 3}), f32({4, 7}), kNo, f32({7, 5}), kNo);
        }) == "matmul: c is float32 [4, 3], expected float32 [4, 5]");
  CHECK(error_of([&] {
          ops::matmul(context, f32({4}), f32({4, 7}), kNo, f32({7, 5}), kNo);
        }) == "matmul: c is float32 [4], expected 2 dimensions");
  Tensor turned = f32({7, 5});
  turned.strides = {1, 7, 1, 1};
  CHECK(error_of([&] {
          ops::matmul(context, f32({4, 5}), f32({4, 7}), kNo, turned, kNo);
        }) == "matmul: b is float32 [7, 5], expected contiguous rows");
  CHECK(error_of([&] {
          ops::matmul(context, f32({4, 5}), f32({4, 7}), kNo, Tensor(nullptr, Dtype::f32, {7, 5}), kNo);
        }) == "matmul: b (float32 [7, 5]) has no memory");
}

TEST_CASE_FIXTURE(Fixture, "types are one float type that the backend computes in") {
  CHECK(error_of([&] { ops::add(context, f64({2}), f64({2}), f64({2})); }) == "add: the cpu backend does not compute in float64");
  CHECK(error_of([&] { ops::add(context, f32({2}), f32({2}), f64({2})); }).find("cpu backend") == std::string::npos);
  CHECK(error_of([&] { ops::add(context, f32({2}), f32({2}), f64({2})); }) == "add: b is float64 [2], expected float32 like y");
  CHECK(error_of([&] { ops::add(context, f32({2}), f32({3}), f32({2})); }) ==
        "add: a is float32 [3], expected the shape of y, float32 [2]");
}

TEST_CASE_FIXTURE(Fixture, "in bfloat16, vectors, statistics and gradients of weights are float32") {
  const auto bf16 = [&](std::initializer_list<std::int64_t> sizes) { return Tensor(memory.data(), Dtype::bf16, sizes); };
  CHECK(error_of([&] {
          ops::rmsnorm_forward(context, bf16({2, 4}), f32({2}), bf16({2, 4}), bf16({4}), 1e-5);
        }) == "rmsnorm_forward: w is bfloat16 [4], expected float32, as goes with bfloat16");
  CHECK(error_of([&] {
          ops::rmsnorm_forward(context, f32({2, 4}), f32({2}), bf16({2, 4}), f32({4}), 1e-5);
        }) == "rmsnorm_forward: y is float32 [2, 4], expected bfloat16 like x");
  CHECK(error_of([&] {
          ops::embedding_backward(context, bf16({10, 4}), bf16({6, 4}), i32({6}));
        }) == "embedding_backward: dtable is bfloat16 [10, 4], expected float32, as goes with bfloat16");
  CHECK(error_of([&] {
          ops::matmul(context, f64({4, 5}), bf16({4, 7}), kNo, bf16({7, 5}), kNo);
        }) == "matmul: c is float64 [4, 5], expected float32, as goes with bfloat16");
  CHECK(error_of([&] {
          ops::bias_forward(context, bf16({4, 5}), f32({4}));
        }) == "bias_forward: b is float32 [4], expected 5 elements");
  CHECK(error_of([&] { ops::convert(context, f64({2}), bf16({2})); }) == "convert: the cpu backend does not compute in float64");
  const AdamWParams params{.lr = 1, .beta1 = 0, .beta2 = 0, .eps = 1, .weight_decay = 0, .step = 1};
  CHECK(error_of([&] { ops::adamw(context, bf16({3}), bf16({3}), bf16({3}), bf16({3}), params); }) ==
        "adamw: p is bfloat16 [3], expected float32: parameters are updated in full, see `copy`");
  CHECK(error_of([&] { ops::adamw(context, f32({3}), bf16({3}), f32({3}), f32({3}), params, bf16({4})); }) ==
        "adamw: copy is bfloat16 [4], expected 3 elements");
}

TEST_CASE_FIXTURE(Fixture, "a token out of range is named with its position") {
  indices[5] = 10;
  CHECK(error_of([&] {
          ops::embedding_forward(context, f32({6, 4}), f32({10, 4}), i32({6}));
        }) == "embedding_forward: token 10 at position 5 is outside [0, 10)");
  indices[5] = -1;
  CHECK(error_of([&] {
          ops::embedding_backward(context, f32({10, 4}), f32({6, 4}), i32({6}));
        }) == "embedding_backward: token -1 at position 5 is outside [0, 10)");
  indices[5] = 9;
  CHECK(error_of([&] { ops::embedding_forward(context, f32({6, 4}), f32({10, 4}), i32({6})); }) == "");
  CHECK(error_of([&] {
          ops::embedding_forward(context, f32({6, 4}), f32({10, 4}), f32({6}));
        }) == "embedding_forward: tokens is float32 [6], expected contiguous int32");
}

TEST_CASE_FIXTURE(Fixture, "rope refuses positions beyond the table and odd heads") {
  indices[1] = 8;
  CHECK(error_of([&] {
          ops::rope_forward(context, f32({2, 3, 4}), f32({2, 3, 4}), f32({8, 2}), f32({8, 2}), i32({2}));
        }) == "rope_forward: position 8 at position 1 is outside [0, 8)");
  CHECK(error_of([&] {
          ops::rope_forward(context, f32({2, 3, 5}), f32({2, 3, 5}), f32({8, 2}), f32({8, 2}), i32({2}));
        }) == "rope_forward: x is float32 [2, 3, 5], expected an even last dimension");
  CHECK(error_of([&] {
          rope_table(f32({8, 2}), f32({8, 3}), 1e4, {});
        }).find("rope_table: cos is float32 [8, 2], sin is float32 [8, 3]") == 0);
  CHECK(error_of([&] { rope_table(f32({8, 2}), f32({8, 2}), -1, {}); }).find("must be positive") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "attention refuses heads that do not group, too few keys and first keys in the future") {
  const auto run = [&](std::int64_t T, std::int64_t S, std::int64_t H, std::int64_t K) {
    return error_of([&] {
      ops::attention_forward(context, f32({1, T, H, 2}), f32({1, H, T}), f32({1, T, H, 2}), f32({1, S, K, 2}), f32({1, S, K, 2}),
                             i32({1, T}), 1);
    });
  };
  CHECK(run(2, 2, 3, 2) == "attention_forward: 3 query heads are no multiple of 2 key heads");
  CHECK(run(3, 2, 2, 2) == "attention_forward: 3 queries but only 2 keys");
  CHECK(error_of([&] {
          ops::attention_forward(context, f32({1, 1, 1, 2}), f32({1, 1, 1}), f32({1, 1, 1, 2}), f32({1, 1, 1, 2}),
                                 f32({1, 1, 1, 2}), i32({1, 1}), 0);
        }) == "attention_forward: scale 0 must be positive");
  indices[1] = 3;
  CHECK(run(2, 3, 2, 2) == "attention_forward: first_key 3 of query [0, 1] is outside [0, 2]");
  CHECK(error_of([&] {
          ops::attention_backward(context, f32({1, 1, 2, 2}), f32({1, 2, 2, 2}), f32({1, 2, 2, 2}), f32({1, 1, 2, 2}),
                                  f32({1, 1, 2, 2}), f32({1, 2, 2, 2}), f32({1, 2, 2, 2}), f32({1, 1, 2, 2}), f32({1, 2, 1}),
                                  i32({1, 1}), 1);
        }) == "attention_backward: k is float32 [1, 2, 2, 2], expected as many keys as queries, 1");
}

TEST_CASE_FIXTURE(Fixture, "cross entropy names a target out of range, but only where it counts") {
  std::vector<float> weights{1, 0};
  const Tensor w(weights.data(), Dtype::f32, {2});
  indices[0] = 5;
  const auto run = [&] { return error_of([&] { ops::cross_entropy(context, f32({2}), f32({2, 5}), i32({2}), w, false); }); };
  CHECK(run() == "cross_entropy: target 5 at position 0 is outside [0, 5)");
  indices[0] = 4;
  indices[1] = 99;
  CHECK(run() == "");
  CHECK(error_of([&] {
          ops::cross_entropy(context, f32({2}), f32({2, 5}), i32({2}), w, false, -1);
        }) == "cross_entropy: z_loss -1 must not be negative");
}

TEST_CASE_FIXTURE(Fixture, "norms, optimizers and backends say what is wrong") {
  CHECK(error_of([&] {
          ops::rmsnorm_forward(context, f32({2, 4}), f32({2}), f32({2, 4}), f32({3}), 1e-5);
        }) == "rmsnorm_forward: x is float32 [2, 4], expected a last dimension of 3, the size of w");
  CHECK(error_of([&] {
          ops::rmsnorm_forward(context, f32({2, 4}), f32({3}), f32({2, 4}), f32({4}), 1e-5);
        }) == "rmsnorm_forward: inv_rms is float32 [3], expected 2 elements");
  CHECK(error_of([&] {
          ops::adamw(context, f32({3}), f32({3}), f32({2}), f32({3}),
                     {.lr = 1, .beta1 = 0, .beta2 = 0, .eps = 1, .weight_decay = 0, .step = 1});
        }) == "adamw: v is float32 [2], expected 3 elements");
  CHECK(error_of([&] {
          ops::adamw(context, f32({3}), f32({3}), f32({3}), f32({3}),
                     {.lr = 1, .beta1 = 0, .beta2 = 0, .eps = 1, .weight_decay = 0, .step = 0});
        }) == "adamw: step 0 must count from 1");
  CHECK(error_of([&] { ops::xielu_forward(context, f32({3}), f32({3}), f32({2}), f32({1})); }) ==
        "xielu_forward: a_p is float32 [2], expected 1 elements");
  CHECK(error_of([] { backend_by_name("gpu"); }) == "unknown backend 'gpu'; known: cpu, ref");
  CHECK(error_of([] { cpu_backend_for_isa("mmx"); }).find("unknown instruction set 'mmx'; this machine runs: ") == 0);
  CHECK(cpu_isa_names().front() == cpu_isa());
  CHECK(cpu_isa_names().back() == "generic");
}

TEST_CASE_FIXTURE(Fixture, "tensors know their shape") {
  const Tensor t = f32({2, 3, 4});
  CHECK(t.describe() == "float32 [2, 3, 4]");
  CHECK(t.size() == 24);
  CHECK(t.bytes() == 96);
  CHECK(t.strides == std::array<std::int64_t, 4>{12, 4, 1, 1});
  CHECK(t.rows(1, 2).as<float>() == t.as<float>() + 12);
  CHECK(t.reshape({6, 4}).describe() == "float32 [6, 4]");
  CHECK(error_of([&] { t.reshape({5, 5}); }) == "cannot reshape float32 [2, 3, 4] to float32 [5, 5]: another number of elements");
  CHECK(error_of([&] { t.rows(1, 3); }) == "rows [1, 3) do not lie in float32 [2, 3, 4]");
  CHECK(error_of([&] { f32({1, -2}); }) == "a tensor's dimension 1 is negative: -2");
  CHECK(error_of([&] { f32({1, 1, 1, 1, 1}); }) == "a tensor has at most 4 dimensions, not 5");
}

TEST_CASE("an arena is planned first: aligned, zeroed, what was released is used again") {
  ArenaPlan plan;
  const ArenaSlot a = plan.add("a", Dtype::f32, {3});
  const std::int64_t mark = plan.mark();
  const ArenaSlot b = plan.add("b", Dtype::f64, {2, 5});
  plan.release(mark);
  const ArenaSlot c = plan.add("c", Dtype::i32, {7});
  CHECK(plan.bytes() == 64 + 128);
  CHECK(plan.table().find("float64 [2, 5]") != std::string::npos);
  CHECK(error_of([&] { plan.release(10'000); }).find("arena: release to 10000") == 0);
  Arena arena(plan);
  CHECK(arena.tensor(b).data == arena.tensor(c).data);
  CHECK(reinterpret_cast<std::uintptr_t>(arena.tensor(a).data) % 64 == 0);
  CHECK(arena.tensor(b).describe() == "float64 [2, 5]");
  for (int i = 0; i < 7; ++i) CHECK(arena.tensor(c).as<std::int32_t>()[i] == 0);
  arena.tensor(a).as<float>()[2] = 1;
  Arena moved = std::move(arena);
  CHECK(moved.tensor(a).as<float>()[2] == 1);
  moved.zero();
  CHECK(moved.tensor(a).as<float>()[2] == 0);
  CHECK(error_of([&] { moved.tensor({9}); }) == "arena: no tensor 9 among 3");
}

TEST_CASE_FIXTURE(Fixture, "8-bit operations name what does not fit") {
  const auto fp8 = [&](std::initializer_list<std::int64_t> sizes) { return Tensor(memory.data(), Dtype::fp8_e4m3, sizes); };
  CHECK(error_of([&] {
          ops::quantize(context, f32({2, 3}), {}, f32({1}), f32({2, 3}), f32({1}));
        }) == "quantize: y is float32 [2, 3], expected float8_e4m3");
  CHECK(error_of([&] {
          ops::quantize(context, {}, fp8({2, 3}), f32({1}), f32({2, 3}), f32({1}));
        }) == "quantize: y_transposed is float8_e4m3 [2, 3], expected float8_e4m3 [3, 2]");
  CHECK(error_of([&] {
          ops::quantize(context, {}, {}, f32({1}), f32({2, 3}), f32({1}));
        }) == "quantize: neither y nor y_transposed is given");
  CHECK(error_of([&] {
          ops::matmul_fp8(context, f32({2, 3}), fp8({2, 4}), f32({1}), fp8({3, 5}), f32({1}));
        }) == "matmul_fp8: b is float8_e4m3 [3, 5], expected float8_e4m3 [3, 4]");
  CHECK(error_of([&] {
          ops::matmul_fp8(context, f32({2, 3}), fp8({2, 4}), f32({2}), fp8({3, 4}), f32({1}));
        }) == "matmul_fp8: scale_a is float32 [2], expected 1 elements");
  CHECK(error_of([&] { ops::absolute_max(context, f32({2}), f32({3})); }) ==
        "absolute_max: amax is float32 [2], expected 1 elements");
}

TEST_CASE_FIXTURE(Fixture, "decoding names the slot, page, length or rule that does not fit") {
  const auto append = [&](std::int32_t first, std::int32_t second) {
    indices[0] = first, indices[1] = second;
    return error_of([&] { ops::cache_append(context, f32({3, 2}), f32({2, 2}), i32({2})); });
  };
  CHECK(append(0, 3) == "cache_append: slot 3 at position 1 is outside [0, 3)");
  CHECK(append(1, 1) == "cache_append: slot 1 at position 1 is there twice");
  CHECK(append(-1, -1).empty());

  std::vector<std::int32_t> table(4), lengths(2);
  const auto attend = [&](std::int64_t K) {
    return error_of([&] {
      ops::paged_attention(context, f32({2, 2, 4}), f32({2, 2, 4}), f32({3, 5, K, 4}), f32({3, 5, K, 4}),
                           Tensor(table.data(), Dtype::i32, {2, 2}), Tensor(lengths.data(), Dtype::i32, {2}), 1);
    });
  };
  CHECK(attend(3) == "paged_attention: 2 query heads are no multiple of 3 key heads");
  table[3] = 3;
  CHECK(attend(1) == "paged_attention: page 3 at position 3 is outside [0, 3)");
  table[3] = 0;
  lengths[1] = 11;
  CHECK(attend(1) == "paged_attention: length 11 at position 1 is outside [0, 11)");

  std::array<double, 4> rules{};
  const auto draw = [&](const std::array<double, 4>& rule) {
    rules = rule;
    std::int32_t token = 0;
    return error_of([&] {
      ops::sample(context, Tensor(&token, Dtype::i32, {1}), f32({1, 7}), Tensor(rules.data(), Dtype::f64, {1, 4}), i32({1, 4}));
    });
  };
  CHECK(draw({-1, 1, 0, 0}) == "sample: temperature -1 of row 0 must not be negative");
  CHECK(draw({1, 0, 0, 0}) == "sample: top_p 0 of row 0 is not above 0 and at most 1");
  CHECK(draw({1, 1, -2, 0}) == "sample: top_k -2 of row 0 must not be negative");
  CHECK(draw({1, 1, 0, 2}) == "sample: min_p 2 of row 0 is outside [0, 1]");
}

}  // namespace cairn::test
