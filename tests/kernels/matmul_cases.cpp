// Matrix products, in bfloat16 and float32, and in 8 bits with what quantises their operands.
#include <array>
#include <cmath>

#include "tests/kernels/case_builders.h"

namespace cairn::test {

OpCase matmul_case(std::int64_t M, std::int64_t N, std::int64_t K, Transpose ta, Transpose tb, bool accumulate, bool production) {
  const bool a_turned = ta == Transpose::yes, b_turned = tb == Transpose::yes;
  OpCase c;
  c.op = std::string("matmul_") + (a_turned ? "t" : "n") + (b_turned ? "t" : "n") + (accumulate ? "_add" : "");
  c.shape = words({{"M", M}, {"N", N}, {"K", K}});
  const Argument out{"c", {M, N}, Fill::normal, true};  // an accumulated one is a gradient of weights
  c.arguments = {accumulate && a_turned ? of_statistics(out) : out,
                 {"a", a_turned ? std::vector{K, M} : std::vector{M, K}},
                 {"b", b_turned ? std::vector{N, K} : std::vector{K, N}}};
  c.run = [=](Context& context, Tensors& t) { ops::matmul(context, t[0], t[1], ta, t[2], tb, accumulate); };
  c.tolerance = 4 + std::sqrt(static_cast<double>(K));  // rounding errors of a sum of K random terms grow like their square root
  c.flops = 2.0 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
  c.traffic = accumulate && a_turned ? pass({M * K, K * N}, {2 * M * N}) : pass({M * K, K * N, M * N, accumulate ? M * N : 0});
  c.production = production;
  return c;
}

void add_matmul(std::vector<OpCase>& cases) {
  constexpr Transpose n = Transpose::no, t = Transpose::yes;
  for (const auto& [M, N, K] : std::vector<std::array<std::int64_t, 3>>{{1, 1, 1},
                                                                        {3, 5, 7},
                                                                        {14, 32, 16},
                                                                        {15, 33, 17},
                                                                        {29, 65, 401},
                                                                        {97, 131, 67},
                                                                        {2, 300, 129},
                                                                        {128, 1, 64},
                                                                        {5, 77, 3}}) {
    for (const Transpose ta : {n, t}) {
      for (const Transpose tb : {n, t}) {
        for (const bool accumulate : {false, true}) cases.push_back(matmul_case(M, N, K, ta, tb, accumulate, false));
      }
    }
  }
  cases.push_back(matmul_case(7, 9, 0, n, t, false, false));
  cases.push_back(matmul_case(64, 700, 1100, n, t, false, false));
  // tiny-10m at 8 x 512: forward, gradient of x, gradient of W, for each kind of projection.
  for (const auto& [in, out] : std::vector<std::array<std::int64_t, 2>>{{256, 1344}, {1344, 256}, {256, 256}, {256, 128}}) {
    cases.push_back(matmul_case(4096, out, in, n, t, false, true));
    cases.push_back(matmul_case(4096, in, out, n, n, false, true));
    cases.push_back(matmul_case(out, in, 4096, t, n, true, true));
  }
  for (const std::int64_t rows : {512, 4096}) {  // the head, in chunks or whole
    cases.push_back(matmul_case(rows, 8192, 256, n, t, false, true));
    cases.push_back(matmul_case(rows, 256, 8192, n, n, false, true));
    cases.push_back(matmul_case(8192, 256, rows, t, n, true, true));
  }
  for (const std::int64_t rows : {1, 2, 4, 8, 12, 16, 32}) cases.push_back(matmul_case(rows, 4096, 4096, n, t, false, true));
  for (const std::int64_t size : {512, 1024, 2048}) cases.push_back(matmul_case(size, size, size, n, n, false, true));
}

void add_fp8(std::vector<OpCase>& cases, const std::vector<Matrix>& matrices, const std::vector<Product>& products) {
  for (const auto& [N, D, production] : matrices) {
    OpCase c;
    c.shape = words({{"N", N}, {"D", D}});
    c.production = production;
    c.op = "absolute_max";
    c.arguments = {of_statistics({"amax", {1}, Fill::positive, true}), {"x", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::absolute_max(context, t[0], t[1]); };
    c.traffic = pass({N * D});
    cases.push_back(c);
    for (const bool delayed : {false, true}) {
      c.op = delayed ? "quantize_delayed" : "quantize";
      c.arguments = {{"y", {N, D}, Fill::zero, true, 1, Kind::fp8},   {"y_transposed", {D, N}, Fill::zero, true, 1, Kind::fp8},
                     of_statistics({"scale", {1}, Fill::zero, true}), {"x", {N, D}},
                     of_statistics({"amax", {1}, Fill::zero}),        of_statistics({"next_amax", {1}, Fill::zero, true})};
      c.prepare = [delayed](Context& context, Tensors& t) {
        ops::absolute_max(context, t[4], t[3]);
        if (delayed) ops::scale(context, t[4], t[4], 0.5);  // what is larger now is cut off
      };
      c.run = [](Context& context, Tensors& t) { ops::quantize(context, t[0], t[1], t[2], t[3], t[4], t[5]); };
      c.traffic = pass({2 * N * D});  // of two bytes: read once, written twice with one
      cases.push_back(c);
    }
  }
  for (const auto& [M, N, K, production] : products) {
    for (const bool accumulate : {false, true}) {
      OpCase c;
      c.op = accumulate ? "matmul_fp8_add" : "matmul_fp8";
      c.shape = words({{"M", M}, {"N", N}, {"K", K}});
      const Argument out{"c", {M, N}, Fill::normal, true};
      c.arguments = {accumulate ? of_statistics(out) : out,
                     {"a", {M, K}, Fill::normal, false, 1, Kind::fp8},
                     of_statistics({"scale_a", {1}, Fill::positive}),
                     {"b", {N, K}, Fill::normal, false, 1, Kind::fp8},
                     of_statistics({"scale_b", {1}, Fill::positive})};
      c.run = [accumulate](Context& context, Tensors& t) { ops::matmul_fp8(context, t[0], t[1], t[2], t[3], t[4], accumulate); };
      c.tolerance = 4 + std::sqrt(static_cast<double>(K));
      c.flops = 2.0 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
      c.traffic = accumulate ? pass({(M + N) * K / 2}, {2 * M * N}) : pass({(M + N) * K / 2 + M * N});
      c.production = production;
      cases.push_back(c);
    }
  }
}

}  // namespace cairn::test
