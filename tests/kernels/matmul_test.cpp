// Matrix products on every instruction set of this machine: each type, transposition, accumulation and row stride against sums in
// double, at shapes around the sizes of tiles, panels, blocks and slices; and the same bits for any number of threads.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/bf16.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

// Rows of `columns` numbers, `gap` numbers apart, all in [-1, 1); the gaps hold not-a-number, which any use of would show.
class Matrix {
 public:
  Matrix(Dtype dtype, std::int64_t rows, std::int64_t columns, std::int64_t gap, std::uint32_t seed)
      : bytes_(static_cast<std::size_t>(rows * (columns + gap) * dtype_bytes(dtype))) {
    tensor_ = Tensor(bytes_.data(), dtype, {rows, columns});
    tensor_.strides[0] = columns + gap;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns + gap; ++j) {
        seed = seed * 1664525u + 1013904223u;
        const float value = static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31f;
        set(i, j, j < columns ? value : std::nanf(""));
      }
    }
  }
  const Tensor& tensor() const { return tensor_; }
  double at(std::int64_t i, std::int64_t j) const {
    const std::int64_t where = i * tensor_.strides[0] + j;
    return tensor_.dtype == Dtype::bf16 ? static_cast<double>(tensor_.as<Bf16>()[where]) : tensor_.as<float>()[where];
  }
  bool gaps_untouched() const {
    for (std::int64_t i = 0; i < tensor_.shape[0]; ++i) {
      for (std::int64_t j = tensor_.shape[1]; j < tensor_.strides[0]; ++j) {
        if (!std::isnan(at(i, j))) return false;
      }
    }
    return true;
  }
  bool same_bytes(const Matrix& other) const { return bytes_ == other.bytes_; }

 private:
  void set(std::int64_t i, std::int64_t j, float value) {
    const std::int64_t where = i * tensor_.strides[0] + j;
    if (tensor_.dtype == Dtype::bf16) {
      tensor_.as<Bf16>()[where] = Bf16(value);
    } else {
      tensor_.as<float>()[where] = value;
    }
  }

  std::vector<std::byte> bytes_;
  Tensor tensor_;
};

struct Types {
  Dtype operands, result;
};
constexpr std::array<Types, 3> kTypes{{{Dtype::f32, Dtype::f32}, {Dtype::bf16, Dtype::bf16}, {Dtype::bf16, Dtype::f32}}};

struct Case {
  std::int64_t M, N, K;
  Types types;
  bool ta, tb, accumulate;
  std::int64_t gap = 0;

  Matrix a() const { return ta ? Matrix(types.operands, K, M, gap, 1) : Matrix(types.operands, M, K, gap, 1); }
  Matrix b() const { return tb ? Matrix(types.operands, N, K, gap, 2) : Matrix(types.operands, K, N, gap, 2); }
  Matrix c() const { return Matrix(types.result, M, N, gap, 3); }
  std::string describe() const {
    return fmt::format("{} x {} -> {}, M {} N {} K {}, {}{}, rows {} further apart", ta ? "a^T" : "a", tb ? "b^T" : "b",
                       dtype_name(types.result), M, N, K, dtype_name(types.operands), accumulate ? ", accumulates" : "", gap);
  }
};

Matrix product(const Case& c, const Backend& backend, ThreadPool& pool) {
  const Matrix a = c.a(), b = c.b();
  Matrix result = c.c();
  Context context{backend, pool};
  ops::matmul(context, result.tensor(), a.tensor(), Transpose(c.ta), b.tensor(), Transpose(c.tb), c.accumulate);
  return result;
}

// Holds up to `samples` elements against sums in double. Numbers are uniform in [-1, 1): a sum of K products has a deviation of
// sqrt(K) / 3, and its K roundings in float32 add up like a random walk; a bfloat16 result is rounded once more.
void check(const Case& c, const Backend& backend, ThreadPool& pool, std::int64_t samples) {
  const Matrix a = c.a(), b = c.b(), before = c.c(), got = product(c, backend, pool);
  const double walk = std::ldexp(4 + static_cast<double>(c.K), -24);
  double worst = 0;
  std::string where;
  const std::int64_t all = c.M * c.N, step = std::max<std::int64_t>(1, all / samples | 1);
  for (std::int64_t at = 0; at < all; at += step) {
    const std::int64_t i = at / c.N, j = at % c.N;
    double sum = c.accumulate ? before.at(i, j) : 0;
    for (std::int64_t k = 0; k < c.K; ++k) sum += (c.ta ? a.at(k, i) : a.at(i, k)) * (c.tb ? b.at(j, k) : b.at(k, j));
    const double rounding = c.types.result == Dtype::bf16 ? std::ldexp(std::abs(sum), -8) : 0;
    const double excess = std::abs(got.at(i, j) - sum) / (walk + rounding);
    if (excess <= worst) continue;
    worst = excess;
    where = fmt::format("[{}, {}] is {}, expected {}", i, j, got.at(i, j), sum);
    if (std::isnan(excess)) break;
  }
  const bool close = worst <= 1;
  CHECK_MESSAGE(close, backend.isa << ": " << c.describe() << ": " << where);
  CHECK_MESSAGE(got.gaps_untouched(), backend.isa << ": " << c.describe() << ": wrote between the rows");
}

template <typename Fn>
void each_form(std::int64_t M, std::int64_t N, std::int64_t K, std::int64_t gap, Fn&& fn) {
  for (const Types types : kTypes) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        for (const bool accumulate : {false, true}) fn(Case{M, N, K, types, ta, tb, accumulate, gap});
      }
    }
  }
}

using Shape = std::array<std::int64_t, 3>;

}  // namespace

TEST_CASE(
    "matrix products agree with sums in double: each type, transposition, accumulation and stride, around every tile's size") {
  ThreadPool pool(2);
  for (const std::string& isa : cpu_isa_names()) {
    const Backend& backend = cpu_backend_for_isa(isa);
    for (const auto& [M, N, K] : std::vector<Shape>{{1, 1, 1},
                                                    {1, 1, 2},
                                                    {2, 2, 3},
                                                    {3, 5, 7},
                                                    {4, 6, 4},
                                                    {8, 12, 8},
                                                    {13, 31, 15},
                                                    {14, 32, 16},
                                                    {15, 33, 17},
                                                    {16, 48, 33},
                                                    {49, 65, 31},
                                                    {57, 3, 34},
                                                    {1, 37, 129},
                                                    {5, 70, 64},
                                                    {97, 131, 67}}) {
      for (const std::int64_t gap : {0, 1, 6}) {
        each_form(M, N, K, gap, [&](const Case& c) { check(c, backend, pool, 1 << 14); });
      }
    }
    each_form(7, 9, 0, 2, [&](const Case& c) { check(c, backend, pool, 100); });
    each_form(0, 9, 5, 0, [&](const Case& c) { check(c, backend, pool, 100); });
    each_form(9, 0, 5, 0, [&](const Case& c) { check(c, backend, pool, 100); });
  }
}

TEST_CASE("matrix products agree with sums in double: across blocks of columns, slices of depth and blocks of threads") {
  ThreadPool pool(2);
  for (const std::string& isa : cpu_isa_names()) {
    const Backend& backend = cpu_backend_for_isa(isa);
    for (const auto& [M, N, K] : std::vector<Shape>{{61, 1000, 301}, {130, 77, 1601}, {64, 70, 4099}, {40, 90, 2050}}) {
      each_form(M, N, K, 3, [&](const Case& c) { check(c, backend, pool, 300); });
    }
    each_form(2100, 40, 70, 0, [&](const Case& c) { check(c, backend, pool, 500); });
    each_form(60, 2300, 66, 0, [&](const Case& c) { check(c, backend, pool, 500); });
  }
}

TEST_CASE("matrix products have the same bits for 1, 2, 3 and 7 threads") {
  std::vector<std::unique_ptr<ThreadPool>> pools;
  for (const int threads : {1, 2, 3, 7}) pools.push_back(std::make_unique<ThreadPool>(threads));
  for (const std::string& isa : cpu_isa_names()) {
    const Backend& backend = cpu_backend_for_isa(isa);
    for (const auto& [M, N, K] : std::vector<Shape>{{101, 263, 177}, {29, 530, 1700}, {5, 3000, 140}}) {
      each_form(M, N, K, 1, [&](const Case& c) {
        const Matrix one = product(c, backend, *pools[0]);
        for (std::size_t p = 1; p < pools.size(); ++p) {
          const bool same = product(c, backend, *pools[p]).same_bytes(one);
          CHECK_MESSAGE(same, isa << ": " << c.describe() << ": 1 and " << pools[p]->threads() << " threads differ");
        }
      });
    }
  }
}

TEST_CASE("a bfloat16 result is rounded once: it is the float32 result of the same operands, rounded") {
  ThreadPool pool(2);
  for (const std::string& isa : cpu_isa_names()) {
    for (const auto& [M, N, K] : std::vector<Shape>{{30, 45, 64}, {20, 50, 3300}, {3, 40, 900}}) {
      Case narrow{M, N, K, kTypes[1], false, true, false}, wide{M, N, K, kTypes[2], false, true, false};
      const Matrix c16 = product(narrow, cpu_backend_for_isa(isa), pool), c32 = product(wide, cpu_backend_for_isa(isa), pool);
      for (std::int64_t i = 0; i < M; ++i) {
        for (std::int64_t j = 0; j < N; ++j) CHECK(c16.at(i, j) == static_cast<double>(Bf16(static_cast<float>(c32.at(i, j)))));
      }
    }
  }
}

TEST_CASE("not-a-number and infinity come through matrix products where they belong, and nowhere else") {
  ThreadPool pool(2);
  for (const std::string& isa : cpu_isa_names()) {
    for (const Types types : kTypes) {
      const Case c{40, 50, 35, types, false, true, false};
      const Matrix a = c.a(), b = c.b(), result = c.c();
      const auto put = [](const Tensor& t, std::int64_t i, float value) {
        t.dtype == Dtype::bf16 ? void(t.as<Bf16>()[i] = Bf16(value)) : void(t.as<float>()[i] = value);
      };
      put(a.tensor(), 17 * 35 + 34, std::nanf(""));  // the last of an odd number of columns
      put(a.tensor(), 39 * 35 + 3, INFINITY);
      Context context{cpu_backend_for_isa(isa), pool};
      ops::matmul(context, result.tensor(), a.tensor(), Transpose::no, b.tensor(), Transpose::yes);
      for (std::int64_t i = 0; i < 40; ++i) {
        for (std::int64_t j = 0; j < 50; ++j) {
          const double value = result.at(i, j);
          CHECK((i == 17 ? std::isnan(value) : i == 39 ? std::isinf(value) : std::isfinite(value)));
        }
      }
    }
  }
}

}  // namespace cairn::test
