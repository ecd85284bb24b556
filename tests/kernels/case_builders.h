// The operations' cases by family, each in a file of its own: op_cases.cpp gives the shapes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernels/op_cases.h"

namespace cairn::test {

using Tensors = std::vector<Tensor>;

// "M 4096 N 1344".
inline std::string words(std::initializer_list<std::pair<const char*, std::int64_t>> sizes) {
  std::string text;
  for (const auto& [name, size] : sizes) text += (text.empty() ? "" : " ") + std::string(name) + " " + std::to_string(size);
  return text;
}

// Floor of a pass over memory: each number once.
inline Traffic pass(std::initializer_list<std::int64_t> activations, std::initializer_list<std::int64_t> statistics = {}) {
  Traffic traffic;
  for (const std::int64_t count : activations) traffic.activations += static_cast<double>(count);
  for (const std::int64_t count : statistics) traffic.statistics += static_cast<double>(count);
  return traffic;
}

inline Argument of_statistics(Argument argument) {
  argument.kind = Kind::statistics;
  return argument;
}
inline Argument of_moment(Argument argument) {
  argument.kind = Kind::moment;
  return argument;
}

struct Matrix {
  std::int64_t N, D;
  bool production;
};
struct Heads {
  std::int64_t N, H, E, P;
  bool production;
};
struct AttentionShape {
  std::int64_t B, T, S, H, K, E;
  Fill mask;
  bool production;
};
struct Vocabulary {
  std::int64_t N, V, D;
  bool production;
};
struct Product {
  std::int64_t M, N, K;
  bool production;
};
struct Pages {
  std::int64_t N, H, K, E, page, L;
  bool production;
};

// Each appends the cases of its family for these shapes.
OpCase matmul_case(std::int64_t M, std::int64_t N, std::int64_t K, Transpose ta, Transpose tb, bool accumulate, bool production);
void add_matmul(std::vector<OpCase>& cases);
void add_norm(std::vector<OpCase>& cases, const std::vector<Matrix>& shapes);
void add_rope(std::vector<OpCase>& cases, const std::vector<Heads>& shapes);
void add_attention(std::vector<OpCase>& cases, const std::vector<AttentionShape>& shapes);
void add_elements(std::vector<OpCase>& cases, const std::vector<Matrix>& shapes);
void add_optimizers(std::vector<OpCase>& cases, const std::vector<Matrix>& shapes);
void add_vocabulary(std::vector<OpCase>& cases, const std::vector<Vocabulary>& shapes);
void add_fp8(std::vector<OpCase>& cases, const std::vector<Matrix>& matrices, const std::vector<Product>& products);
void add_decode(std::vector<OpCase>& cases, const std::vector<Pages>& shapes, const std::vector<Matrix>& logits);

}  // namespace cairn::test
