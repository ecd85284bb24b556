#include "tests/kernels/op_comparison.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/support/test.h"

namespace cairn::test {

Outputs run(const OpCase& op_case, const Context& with, Dtype A, const CaseMemory& prepared) {
  CaseMemory memory(op_case, A, prepared);
  Context context = with;
  op_case.run(context, memory.tensors());
  Outputs outputs;
  for (std::size_t a = 0; a < op_case.arguments.size(); ++a) {
    if (op_case.arguments[a].compared) outputs.push_back(numbers(memory.tensors()[a]));
  }
  return outputs;
}

CaseMemory prepared_case(const OpCase& op_case, ThreadPool& pool, Dtype A) {
  CaseMemory memory(op_case, Dtype::f64);
  memory.round_to(A);
  Context reference{ref_backend(), pool};
  if (op_case.prepare) op_case.prepare(reference, memory.tensors());
  memory.round_to(A);
  return memory;
}

OpCase on_gpu(OpCase op_case, Dtype A) {
  if (A == Dtype::bf16 && op_case.op.starts_with("attention")) op_case.roundings = std::max(op_case.roundings, 1.0);
  return op_case;
}

void compare(const OpCase& op_case, const std::string& who, Dtype A, const Outputs& got, const Outputs& want) {
  std::size_t output = 0;
  for (const Argument& argument : op_case.arguments) {
    if (!argument.compared) continue;
    double largest = op_case.magnitude;
    for (const double value : want[output]) largest = std::max(largest, std::abs(value));
    const double narrow = A == Dtype::bf16 ? op_case.roundings * std::ldexp(largest, -8) : 0;
    const double allowed = op_case.tolerance * std::ldexp(largest, -24) + narrow;
    const int stored = dtype_of(argument, A) != Dtype::bf16 ? 0 : argument.kind == Kind::moment ? 2 : 1;
    double worst = 0;
    std::size_t where = 0;
    for (std::size_t i = 0; i < want[output].size(); ++i) {
      const double error = std::abs(got[output][i] - want[output][i]) - stored * std::ldexp(std::abs(want[output][i]), -8);
      if (!(error <= worst)) worst = error, where = i;
    }
    const bool close = worst <= allowed;
    CHECK_MESSAGE(close, op_case.op << " " << op_case.shape << " on " << who << ": " << argument.name << "[" << where << "] is "
                                    << got[output][where] << ", ref says " << want[output][where] << "; error beyond rounding "
                                    << worst / std::ldexp(largest, -24) << " of 2^-24 of the largest entry, allowed "
                                    << allowed / std::ldexp(largest, -24));
    ++output;
  }
}

Outputs run(const OpCase& op_case, const Backend& backend, ThreadPool& pool, Dtype A, const CaseMemory& prepared) {
  return run(op_case, Context{backend, pool}, A, prepared);
}

void check_sequences_stand_alone(const Context& with, const std::string& who, Dtype A) {
  constexpr std::int64_t kPages = 23, kPage = 16, K = 2, H = 4, E = 64, L = 20;
  const std::vector<std::int32_t> lengths{300, 7, ops::kDecodeStretch};
  OpCase shape;
  shape.op = "alone";
  shape.arguments = {{"o", {3, H, E}, Fill::zero},
                     {"q", {3, H, E}},
                     {"k", {kPages, kPage, K, E}},
                     {"v", {kPages, kPage, K, E}},
                     {"table", {3, L}, Fill::tokens, false, kPages}};
  CaseMemory together(shape, A), alone(shape, A);
  const std::vector<Tensor>&t = together.tensors(), &a = alone.tensors();
  for (const std::size_t cache : {2, 3}) {  // page p becomes page kPages - 1 - p
    const std::int64_t bytes = t[cache].bytes() / kPages;
    for (std::int64_t p = 0; p < kPages; ++p)
      std::memcpy(a[cache].as<char>() + (kPages - 1 - p) * bytes, t[cache].as<char>() + p * bytes,
                  static_cast<std::size_t>(bytes));
  }
  for (std::int64_t i = 0; i < 3 * L; ++i)
    a[4].as<std::int32_t>()[i] = static_cast<std::int32_t>(kPages - 1 - t[4].as<std::int32_t>()[i]);
  Context context = with;
  const auto lengths_from = [&](std::int64_t n, std::int64_t count) {
    return Tensor(const_cast<std::int32_t*>(lengths.data()) + n, Dtype::i32, {count});
  };
  ops::paged_attention(context, t[0], t[1], t[2], t[3], t[4], lengths_from(0, 3), 0.125);
  for (std::int64_t n = 0; n < 3; ++n) {
    const std::int64_t pages = (lengths[static_cast<std::size_t>(n)] + kPage - 1) / kPage;
    const Tensor table(a[4].as<std::int32_t>() + n * L, Dtype::i32, {1, pages});
    ops::paged_attention(context, a[0].rows(n, n + 1), a[1].rows(n, n + 1), a[2], a[3], table, lengths_from(n, 1), 0.125);
    const bool same = numbers(a[0].rows(n, n + 1)) == numbers(t[0].rows(n, n + 1));
    CHECK_MESSAGE(same, "sequence " << n << " on " << who << " in " << dtype_name(A));
  }
}

}  // namespace cairn::test
