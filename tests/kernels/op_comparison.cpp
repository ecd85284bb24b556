#include "tests/kernels/op_comparison.h"

#include <algorithm>
#include <cmath>

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

}  // namespace cairn::test
