// One table of cases for every operation: shapes 1, odd, not a multiple of any tile, and production. The tests run each case on
// every backend and instruction set against ref in float64; bench_kernels times the same cases.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/arena.h"
#include "kernels/backend.h"

namespace cairn::test {

// What a tensor of a case holds before the operation runs. All are functions of (case, argument, index).
enum class Fill {
  normal,     // N(0, 1), rounded to float32
  small,      // N(0, 0.02)
  positive,   // |N(0, 1)| * 0.1
  weights,    // 0 for every third element, else 1 / N
  tokens,     // [0, limit)
  positions,  // i % limit
  documents,  // first_key [B, T]: documents of 1 to 200 tokens
  start,      // first_key 0
  zero,
};

// The type of an argument when the operation runs in activation type A (kernels/ops.h).
enum class Kind {
  activation,  // A
  statistics,  // S
  moment,      // A, rounded stochastically: up to one unit of bfloat16 away
  returned,    // S, in host memory also on a GPU: what the function returns
  fp8,         // float8_e4m3
  float64,     // always
};

struct Argument {
  std::string name;
  std::vector<std::int64_t> shape;
  Fill fill = Fill::normal;
  bool compared = false;   // an output, held against ref
  std::int64_t limit = 1;  // for tokens and positions
  Kind kind = Kind::activation;
};

// The least that an operation moves: so many numbers of type A and S.
struct Traffic {
  double activations = 0, statistics = 0;
  double bytes(Dtype A) const;
};

struct OpCase {
  std::string op;
  std::string shape;  // as people read it: "M 4096 N 1344 K 256"
  std::vector<Argument> arguments;
  std::function<void(Context&, std::vector<Tensor>&)> prepare;  // what has to run before (a forward pass); not timed
  std::function<void(Context&, std::vector<Tensor>&)> run;
  double tolerance = 0;  // of the largest entry of each compared tensor, in units of 2^-24
  double magnitude = 0;  // what the largest entry counts as at least: of terms that cancel
  double roundings = 0;  // to bfloat16, allowed between the parts of a fused operation
  double flops = 0;      // the least that the operation does
  Traffic traffic;
  bool production = false;  // timed by default; compared too, but its reference takes seconds
};

const std::vector<OpCase>& op_cases();

// Shapes that only a GPU is asked for: those of training models of a billion parameters and more.
const std::vector<OpCase>& gpu_cases();

// The tensors of a case in memory, in activation type A: the same numbers, rounded.
class CaseMemory {
 public:
  CaseMemory(const OpCase& op_case, Dtype A);
  CaseMemory(const OpCase& op_case, Dtype A, const CaseMemory& from);  // with the numbers of `from`
  std::vector<Tensor>& tensors() { return tensors_; }
  void round_to(Dtype A);  // numbers become such as tensors of activation type A can hold

 private:
  const OpCase& case_;
  Arena arena_;
  std::vector<Tensor> tensors_;
};

// All numbers of a tensor as doubles.
std::vector<double> numbers(const Tensor& tensor);

Dtype dtype_of(const Argument& argument, Dtype A);

}  // namespace cairn::test
