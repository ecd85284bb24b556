// One case on one backend, and what it gave held against the float64 reference: the same for every backend.
#pragma once

#include <string>
#include <vector>

#include "tests/kernels/op_cases.h"

namespace cairn::test {

using Outputs = std::vector<std::vector<double>>;

// The compared outputs of a case on numbers that are given.
Outputs run(const OpCase& op_case, const Context& context, Dtype A, const CaseMemory& prepared);
Outputs run(const OpCase& op_case, const Backend& backend, ThreadPool& pool, Dtype A, const CaseMemory& prepared);

// The numbers that all backends start from, in float64, but such as tensors of type A can hold.
CaseMemory prepared_case(const OpCase& op_case, ThreadPool& pool, Dtype A);

// The case with what a GPU may be off by in type A: on tensor cores the weights of attention, and in the backward their
// gradients, are bfloat16 between two products.
OpCase on_gpu(OpCase op_case, Dtype A);

// A CHECK for each output. `want` was computed in float64 from the same numbers. What is stored in bfloat16 may be off by half a
// unit of the number's own last place beside what float32 arithmetic may be off: it was rounded once.
void compare(const OpCase& op_case, const std::string& who, Dtype A, const Outputs& got, const Outputs& want);

// CHECKs that paged attention gives each of some sequences the bits that it has alone, with its pages elsewhere.
void check_sequences_stand_alone(const Context& context, const std::string& who, Dtype A);

}  // namespace cairn::test
