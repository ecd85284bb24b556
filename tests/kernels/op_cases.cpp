#include "tests/kernels/op_cases.h"

#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "kernels/bf16.h"

namespace cairn::test {
namespace {

using Tensors = std::vector<Tensor>;

std::string words(std::initializer_list<std::pair<const char*, std::int64_t>> sizes) {
  std::string text;
  for (const auto& [name, size] : sizes) text += (text.empty() ? "" : " ") + std::string(name) + " " + std::to_string(size);
  return text;
}

// Floor of a pass over memory: each number once.
Traffic pass(std::initializer_list<std::int64_t> activations, std::initializer_list<std::int64_t> statistics = {}) {
  Traffic traffic;
  for (const std::int64_t count : activations) traffic.activations += static_cast<double>(count);
  for (const std::int64_t count : statistics) traffic.statistics += static_cast<double>(count);
  return traffic;
}

Argument of_statistics(Argument argument) {
  argument.kind = Kind::statistics;
  return argument;
}
Argument of_moment(Argument argument) {
  argument.kind = Kind::moment;
  return argument;
}

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

struct Matrix {
  std::int64_t N, D;
  bool production;
};

void add_norm(std::vector<OpCase>& cases, const std::vector<Matrix>& shapes) {
  for (const auto& [N, D, production] : shapes) {
    OpCase forward;
    forward.op = "rmsnorm_forward";
    forward.shape = words({{"N", N}, {"D", D}});
    forward.arguments = {{"y", {N, D}, Fill::zero, true},
                         of_statistics({"inv_rms", {N}, Fill::zero, true}),
                         {"x", {N, D}},
                         of_statistics({"w", {D}})};
    forward.run = [](Context& context, Tensors& t) { ops::rmsnorm_forward(context, t[0], t[1], t[2], t[3], 1e-5); };
    forward.tolerance = 4;
    forward.traffic = pass({2 * N * D});
    forward.production = production;
    cases.push_back(forward);

    OpCase add_forward = forward;
    add_forward.op = "add_rmsnorm_forward";
    add_forward.arguments = {{"sum", {N, D}, Fill::zero, true},
                             {"y", {N, D}, Fill::zero, true},
                             of_statistics({"inv_rms", {N}, Fill::zero, true}),
                             {"a", {N, D}},
                             {"b", {N, D}},
                             of_statistics({"w", {D}})};
    add_forward.run = [](Context& context, Tensors& t) {
      ops::add_rmsnorm_forward(context, t[0], t[1], t[2], t[3], t[4], t[5], 1e-5);
    };
    add_forward.roundings = 1;  // the norm may be that of the rounded sum
    add_forward.traffic = pass({4 * N * D});
    cases.push_back(add_forward);

    OpCase amax = forward;
    amax.op = "rmsnorm_forward_amax";
    amax.arguments.push_back(of_statistics({"amax", {1}, Fill::zero, true}));
    amax.run = [](Context& context, Tensors& t) { ops::rmsnorm_forward(context, t[0], t[1], t[2], t[3], 1e-5, t[4]); };
    amax.roundings = 1;  // of the largest, to A
    cases.push_back(amax);
    amax = add_forward;
    amax.op = "add_rmsnorm_forward_amax";
    amax.arguments.push_back(of_statistics({"amax", {1}, Fill::zero, true}));
    amax.run = [](Context& context, Tensors& t) {
      ops::add_rmsnorm_forward(context, t[0], t[1], t[2], t[3], t[4], t[5], 1e-5, t[6]);
    };
    amax.roundings = 2;
    cases.push_back(amax);

    OpCase backward;
    backward.op = "rmsnorm_backward";
    backward.shape = forward.shape;
    backward.arguments = {
        {"dx", {N, D}, Fill::zero, true}, of_statistics({"dw", {D}, Fill::normal, true}), {"dy", {N, D}},           {"x", {N, D}},
        of_statistics({"w", {D}}),        of_statistics({"inv_rms", {N}, Fill::zero}),    {"y", {N, D}, Fill::zero}};
    backward.prepare = [](Context& context, Tensors& t) { ops::rmsnorm_forward(context, t[6], t[5], t[3], t[4], 1e-5); };
    backward.run = [](Context& context, Tensors& t) { ops::rmsnorm_backward(context, t[0], t[1], t[2], t[3], t[4], t[5]); };
    backward.tolerance = 16 + std::sqrt(static_cast<double>(N)) / 4;  // dw sums N random terms
    backward.magnitude = 1;                                           // D = 1: what remains is what eps leaves
    backward.traffic = pass({3 * N * D});
    backward.production = production;
    cases.push_back(backward);
    backward.op = "rmsnorm_backward_add";
    backward.arguments[0].fill = Fill::normal;
    backward.run = [](Context& context, Tensors& t) { ops::rmsnorm_backward(context, t[0], t[1], t[2], t[3], t[4], t[5], true); };
    backward.traffic = pass({4 * N * D});
    cases.push_back(backward);

    OpCase bias;
    bias.shape = forward.shape;
    bias.production = production;
    bias.op = "bias_forward";
    bias.arguments = {{"y", {N, D}, Fill::normal, true}, of_statistics({"b", {D}})};
    bias.run = [](Context& context, Tensors& t) { ops::bias_forward(context, t[0], t[1]); };
    bias.tolerance = 1;
    bias.traffic = pass({2 * N * D});
    cases.push_back(bias);
    bias.op = "bias_backward";
    bias.arguments = {of_statistics({"db", {D}, Fill::normal, true}), {"dy", {N, D}}};
    bias.run = [](Context& context, Tensors& t) { ops::bias_backward(context, t[0], t[1]); };
    bias.tolerance = 4 + std::sqrt(static_cast<double>(N));  // sums of N random terms
    bias.magnitude = 1;
    bias.traffic = pass({N * D});
    cases.push_back(bias);
  }
}

// Rotary tables at arguments `cos` and `sin`: float32 for all types, since the case is about the rotation, and angles differ
// between the types.
void fill_tables(const Tensor& cos, const Tensor& sin) {
  std::vector<float> c32(static_cast<std::size_t>(cos.size())), s32(c32.size());
  rope_table(Tensor(c32.data(), Dtype::f32, {cos.shape[0], cos.shape[1]}),
             Tensor(s32.data(), Dtype::f32, {cos.shape[0], cos.shape[1]}), 5e5, {});
  for (std::size_t i = 0; i < c32.size(); ++i) {
    if (cos.dtype == Dtype::f64) {
      cos.as<double>()[i] = c32[i];
      sin.as<double>()[i] = s32[i];
    } else {
      cos.as<float>()[i] = c32[i];
      sin.as<float>()[i] = s32[i];
    }
  }
}

struct Heads {
  std::int64_t N, H, E, P;
  bool production;
};

void add_rope(std::vector<OpCase>& cases, const std::vector<Heads>& shapes) {
  for (const auto& [N, H, E, P, production] : shapes) {
    for (const bool backward : {false, true}) {
      OpCase c;
      c.op = backward ? "rope_backward" : "rope_forward";
      c.shape = words({{"N", N}, {"H", H}, {"E", E}});
      c.arguments = {{"y", {N, H, E}, Fill::zero, true},
                     {"x", {N, H, E}},
                     of_statistics({"cos", {P, E / 2}, Fill::zero}),
                     of_statistics({"sin", {P, E / 2}, Fill::zero}),
                     {"positions", {N}, Fill::positions, false, P}};
      c.prepare = [](Context&, Tensors& t) { fill_tables(t[2], t[3]); };
      c.run = [backward](Context& context, Tensors& t) {
        backward ? ops::rope_backward(context, t[0], t[1], t[2], t[3], t[4])
                 : ops::rope_forward(context, t[0], t[1], t[2], t[3], t[4]);
      };
      c.tolerance = 2;
      c.traffic = pass({2 * N * H * E});
      c.production = production;
      cases.push_back(c);
    }

    OpCase c;
    c.shape = words({{"N", N}, {"H", H}, {"E", E}});
    c.production = production;
    c.op = "norm_rope_forward";
    c.arguments = {{"y", {N, H, E}, Fill::zero, true},
                   of_statistics({"inv_rms", {N * H}, Fill::zero, true}),
                   {"x", {N, H, E}},
                   of_statistics({"w", {E}}),
                   of_statistics({"cos", {P, E / 2}, Fill::zero}),
                   of_statistics({"sin", {P, E / 2}, Fill::zero}),
                   {"positions", {N}, Fill::positions, false, P}};
    c.prepare = [](Context&, Tensors& t) { fill_tables(t[4], t[5]); };
    c.run = [](Context& context, Tensors& t) { ops::norm_rope_forward(context, t[0], t[1], t[2], t[3], 1e-5, t[4], t[5], t[6]); };
    c.tolerance = 6;
    c.roundings = 1;  // the norm may be rounded before it is turned
    c.traffic = pass({2 * N * H * E});
    cases.push_back(c);
    c.op = "norm_rope_backward";
    c.arguments = {{"dx", {N, H, E}, Fill::zero, true},
                   of_statistics({"dw", {E}, Fill::normal, true}),
                   {"dy", {N, H, E}},
                   {"x", {N, H, E}},
                   of_statistics({"w", {E}}),
                   of_statistics({"inv_rms", {N * H}, Fill::zero}),
                   of_statistics({"cos", {P, E / 2}, Fill::zero}),
                   of_statistics({"sin", {P, E / 2}, Fill::zero}),
                   {"positions", {N}, Fill::positions, false, P},
                   {"y", {N, H, E}, Fill::zero}};
    c.prepare = [](Context& context, Tensors& t) {
      fill_tables(t[6], t[7]);
      ops::rmsnorm_forward(context, t[9], t[5], t[3], t[4], 1e-5);
    };
    c.run = [](Context& context, Tensors& t) {
      ops::norm_rope_backward(context, t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8]);
    };
    c.tolerance = 16;
    c.magnitude = 1;
    c.roundings = static_cast<double>(N * H);  // each turned gradient may be rounded before dw sums it
    c.traffic = pass({3 * N * H * E});
    cases.push_back(c);
  }
}

struct AttentionShape {
  std::int64_t B, T, S, H, K, E;
  Fill mask;
  bool production;
};

void add_attention(std::vector<OpCase>& cases, const std::vector<AttentionShape>& shapes) {
  for (const AttentionShape& s : shapes) {
    const double pairs = static_cast<double>(s.B * s.H) * static_cast<double>(s.T) *
                         (static_cast<double>(s.S) - (static_cast<double>(s.T) - 1) / 2);
    const std::int64_t queries = s.B * s.T * s.H * s.E, keys = s.B * s.S * s.K * s.E;
    const std::vector<std::int64_t> q{s.B, s.T, s.H, s.E}, k{s.B, s.S, s.K, s.E};
    const double scale = 1 / std::sqrt(static_cast<double>(s.E));
    OpCase forward;
    forward.op = s.mask == Fill::documents ? "attention_forward_documents" : "attention_forward";
    forward.shape = words({{"B", s.B}, {"T", s.T}, {"S", s.S}, {"H", s.H}, {"K", s.K}, {"E", s.E}});
    forward.arguments = {{"o", q, Fill::zero, true},
                         of_statistics({"lse", {s.B, s.H, s.T}, Fill::zero, true}),
                         {"q", q},
                         {"k", k},
                         {"v", k},
                         {"first_key", {s.B, s.T}, s.mask, false, s.S - s.T}};
    forward.run = [scale](Context& context, Tensors& t) {
      ops::attention_forward(context, t[0], t[1], t[2], t[3], t[4], t[5], scale);
    };
    forward.tolerance = s.S > 1000 ? 48 : 24;              // the mean of many values is small beside them
    forward.roundings = s.T > 4 ? 1 : 0;                   // of the probabilities
    forward.flops = 4 * pairs * static_cast<double>(s.E);  // documents do less
    forward.traffic = pass({2 * queries, 2 * keys});
    forward.production = s.production;
    cases.push_back(forward);
    if (s.S != s.T) continue;
    OpCase backward;
    backward.op = s.mask == Fill::documents ? "attention_backward_documents" : "attention_backward";
    backward.shape = forward.shape;
    backward.arguments = {{"dq", q, Fill::zero, true},
                          {"dk", k, Fill::zero, true},
                          {"dv", k, Fill::zero, true},
                          {"do", q},
                          {"q", q},
                          {"k", k},
                          {"v", k},
                          {"o", q, Fill::zero},
                          of_statistics({"lse", {s.B, s.H, s.T}, Fill::zero}),
                          {"first_key", {s.B, s.T}, s.mask, false, 0}};
    backward.prepare = [scale](Context& context, Tensors& t) {
      ops::attention_forward(context, t[7], t[8], t[4], t[5], t[6], t[9], scale);
    };
    backward.run = [scale](Context& context, Tensors& t) {
      ops::attention_backward(context, t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], scale);
    };
    backward.tolerance = 48;
    backward.roundings = 2;    // of P and dS
    backward.magnitude = 0.5;  // one key: dP minus its own mean
    backward.flops = 10 * pairs * static_cast<double>(s.E);
    backward.traffic = pass({4 * queries, 4 * keys});
    backward.production = s.production;
    cases.push_back(backward);
  }
}

void add_elements(std::vector<OpCase>& cases, const std::vector<Matrix>& shapes) {
  for (const auto& [N, D, production] : shapes) {
    const std::int64_t size = N * D;
    const std::string shape = words({{"N", N}, {"D", D}});
    OpCase c;
    c.shape = shape;
    c.production = production;
    c.op = "xielu_forward";
    c.arguments = {{"y", {N, D}, Fill::zero, true},
                   {"x", {N, D}},
                   of_statistics({"a_p", {1}, Fill::small}),
                   of_statistics({"a_n", {1}, Fill::small})};
    c.run = [](Context& context, Tensors& t) { ops::xielu_forward(context, t[0], t[1], t[2], t[3]); };
    c.tolerance = 3;
    c.traffic = pass({2 * size});
    cases.push_back(c);
    c.op = "xielu_forward_amax";
    c.arguments.push_back(of_statistics({"amax", {1}, Fill::zero, true}));
    c.run = [](Context& context, Tensors& t) { ops::xielu_forward(context, t[0], t[1], t[2], t[3], t[4]); };
    c.tolerance = 5;  // one element, whose terms cancel
    c.roundings = 1;  // of the largest, to A
    cases.push_back(c);
    c.roundings = 0;
    c.op = "xielu_backward";
    c.arguments = {{"dx", {N, D}, Fill::zero, true},
                   of_statistics({"da_p", {1}, Fill::normal, true}),
                   of_statistics({"da_n", {1}, Fill::normal, true}),
                   {"dy", {N, D}},
                   {"x", {N, D}},
                   of_statistics({"a_p", {1}, Fill::small}),
                   of_statistics({"a_n", {1}, Fill::small})};
    c.run = [](Context& context, Tensors& t) { ops::xielu_backward(context, t[0], t[1], t[2], t[3], t[4], t[5], t[6]); };
    c.tolerance = 3 + 2 * std::sqrt(static_cast<double>(size));  // da sums random signs: the sum is small beside its terms
    c.traffic = pass({3 * size});
    cases.push_back(c);
    c.op = "swiglu_forward";
    c.arguments = {{"y", {N, D}, Fill::zero, true}, {"gate", {N, D}}, {"up", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::swiglu_forward(context, t[0], t[1], t[2]); };
    c.tolerance = 4;
    c.traffic = pass({3 * size});
    cases.push_back(c);
    c.op = "swiglu_backward";
    c.arguments = {
        {"dgate", {N, D}, Fill::zero, true}, {"dup", {N, D}, Fill::zero, true}, {"dy", {N, D}}, {"gate", {N, D}}, {"up", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::swiglu_backward(context, t[0], t[1], t[2], t[3], t[4]); };
    c.tolerance = 6;
    c.traffic = pass({5 * size});
    cases.push_back(c);
    c.op = "relu2_forward";
    c.arguments = {{"y", {N, D}, Fill::zero, true}, {"x", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::relu2_forward(context, t[0], t[1]); };
    c.tolerance = 1;
    c.traffic = pass({2 * size});
    cases.push_back(c);
    c.op = "relu2_backward";
    c.arguments = {{"dx", {N, D}, Fill::zero, true}, {"dy", {N, D}}, {"x", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::relu2_backward(context, t[0], t[1], t[2]); };
    c.tolerance = 1;
    c.traffic = pass({3 * size});
    cases.push_back(c);
    c.op = "add";
    c.arguments = {{"y", {N, D}, Fill::zero, true}, {"a", {N, D}}, {"b", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::add(context, t[0], t[1], t[2]); };
    c.tolerance = 1;
    c.traffic = pass({3 * size});
    cases.push_back(c);
    c.op = "scale";
    c.arguments = {{"y", {N, D}, Fill::zero, true}, {"x", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::scale(context, t[0], t[1], 0.75); };
    c.traffic = pass({2 * size});
    cases.push_back(c);
    c.op = "axpby";
    c.arguments = {{"y", {N, D}, Fill::normal, true}, {"x", {N, D}}};
    c.run = [](Context& context, Tensors& t) { ops::axpby(context, t[0], t[1], 3.25, -1.5); };
    c.tolerance = 3;
    c.traffic = pass({3 * size});
    cases.push_back(c);
    c.op = "axpby_statistics";  // of two types where A is bfloat16
    c.arguments = {of_statistics({"y", {N, D}, Fill::normal, true}), {"x", {N, D}}};
    c.traffic = pass({size}, {2 * size});
    cases.push_back(c);
    c.op = "convert_down";
    c.arguments = {{"y", {N, D}, Fill::zero, true}, of_statistics({"x", {N, D}})};
    c.run = [](Context& context, Tensors& t) { ops::convert(context, t[0], t[1]); };
    c.tolerance = 0;
    c.traffic = pass({size}, {size});
    cases.push_back(c);
    c.op = "convert_up";
    c.arguments = {of_statistics({"y", {N, D}, Fill::zero, true}), {"x", {N, D}}};
    cases.push_back(c);
    c.tolerance = 1;
    c.op = "sum_of_squares";
    c.arguments = {{"sum", {1}, Fill::zero, true, 1, Kind::returned}, {"x", {N, D}}};
    c.run = [](Context& context, Tensors& t) {
      const double sum = ops::sum_of_squares(context, t[1]);
      t[0].dtype == Dtype::f64 ? t[0].as<double>()[0] = sum : t[0].as<float>()[0] = static_cast<float>(sum);
    };
    c.traffic = pass({size});
    cases.push_back(c);
    c.op = "adamw";
    c.arguments = {of_statistics({"p", {N, D}, Fill::normal, true}),
                   of_moment({"m", {N, D}, Fill::small, true}),
                   of_moment({"v", {N, D}, Fill::positive, true}),
                   of_statistics({"g", {N, D}, Fill::small}),
                   {"copy", {N, D}, Fill::zero, true}};
    c.run = [](Context& context, Tensors& t) {
      ops::adamw(context, t[0], t[1], t[2], t[3],
                 {.lr = 1e-3,
                  .beta1 = 0.9,
                  .beta2 = 0.95,
                  .eps = 1e-8,
                  .weight_decay = 0.1,
                  .step = 3,
                  .options = {.gradient_scale = 0.5, .seed = 0x123456789abcdef, .first_element = 77}},
                 t[4]);
    };
    c.tolerance = 3;
    c.traffic = pass({5 * size}, {3 * size});
    cases.push_back(c);
    c.op = "ademamix";
    c.arguments = {of_statistics({"p", {N, D}, Fill::normal, true}), of_moment({"m1", {N, D}, Fill::small, true}),
                   of_moment({"m2", {N, D}, Fill::small, true}), of_moment({"v", {N, D}, Fill::positive, true}),
                   of_statistics({"g", {N, D}, Fill::small})};
    c.run = [](Context& context, Tensors& t) {
      ops::ademamix(
          context, t[0], t[1], t[2], t[3], t[4],
          {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .beta3 = 0.9999, .alpha = 8, .eps = 1e-8, .weight_decay = 0.1, .step = 3});
    };
    c.traffic = pass({6 * size}, {3 * size});
    cases.push_back(c);
  }
}

struct Vocabulary {
  std::int64_t N, V, D;
  bool production;
};

void add_vocabulary(std::vector<OpCase>& cases, const std::vector<Vocabulary>& shapes) {
  for (const auto& [N, V, D, production] : shapes) {
    OpCase c;
    c.production = production;
    c.op = "embedding_forward";
    c.shape = words({{"N", N}, {"V", V}, {"D", D}});
    c.arguments = {{"y", {N, D}, Fill::zero, true}, {"table", {V, D}}, {"tokens", {N}, Fill::tokens, false, V}};
    c.run = [](Context& context, Tensors& t) { ops::embedding_forward(context, t[0], t[1], t[2]); };
    c.tolerance = 0;
    c.traffic = pass({2 * N * D});
    cases.push_back(c);
    c.op = "embedding_backward";
    c.arguments = {
        of_statistics({"dtable", {V, D}, Fill::normal, true}), {"dy", {N, D}}, {"tokens", {N}, Fill::tokens, false, V}};
    c.run = [](Context& context, Tensors& t) { ops::embedding_backward(context, t[0], t[1], t[2]); };
    c.tolerance = 8;
    c.traffic = pass({N * D}, {2 * N * D});
    cases.push_back(c);
    for (const auto& [name, gradient, z_loss] : std::vector<std::tuple<const char*, bool, double>>{
             {"cross_entropy", false, 0.0}, {"cross_entropy_gradient", true, 0.0}, {"cross_entropy_z_loss", true, 0.01}}) {
      c.op = name;
      c.shape = words({{"N", N}, {"V", V}});
      c.arguments = {of_statistics({"losses", {N}, Fill::zero, true}),
                     {"logits", {N, V}, Fill::normal, true},
                     {"targets", {N}, Fill::tokens, false, V},
                     of_statistics({"weights", {N}, Fill::weights})};
      c.run = [gradient = gradient, z_loss = z_loss](Context& context, Tensors& t) {
        ops::cross_entropy(context, t[0], t[1], t[2], t[3], gradient, z_loss);
      };
      c.tolerance = 8;
      c.traffic = pass({gradient ? 2 * N * V : N * V});
      cases.push_back(c);
    }
  }
}

void add_fp8(std::vector<OpCase>& cases, const std::vector<Matrix>& matrices,
             const std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t, bool>>& products) {
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

struct Pages {
  std::int64_t N, H, K, E, page, L;
  bool production;
};

void add_decode(std::vector<OpCase>& cases, const std::vector<Pages>& shapes, const std::vector<Matrix>& logits) {
  for (const auto& [N, H, K, E, page, L, production] : shapes) {
    const std::int64_t pages = L + 3;
    OpCase c;
    c.production = production;
    c.op = "cache_append";
    c.shape = words({{"N", N}, {"W", K * E}, {"P", pages * page}});
    c.arguments = {{"cache", {pages * page, K * E}, Fill::normal, true},
                   {"rows", {N, K * E}},
                   {"slots", {N}, Fill::positions, false, pages * page}};
    c.prepare = [](Context&, Tensors& t) {  // the last slots first; one row has none
      for (std::int64_t n = 0; n < t[2].size(); ++n)
        t[2].as<std::int32_t>()[n] = static_cast<std::int32_t>(t[0].shape[0] - 1 - n);
      if (t[2].size() > 2) t[2].as<std::int32_t>()[1] = -1;
    };
    c.run = [](Context& context, Tensors& t) { ops::cache_append(context, t[0], t[1], t[2]); };
    c.traffic = pass({2 * N * K * E});
    cases.push_back(c);
    c.prepare = nullptr;
    c.op = "paged_attention";
    c.shape = words({{"N", N}, {"H", H}, {"K", K}, {"E", E}, {"page", page}, {"L", L}});
    c.arguments = {{"o", {N, H, E}, Fill::zero, true},
                   {"q", {N, H, E}},
                   {"k", {pages, page, K, E}},
                   {"v", {pages, page, K, E}},
                   {"table", {N, L}, Fill::tokens, false, pages},
                   {"lengths", {N}, Fill::tokens, false, L * page + 1}};
    if (production) {
      c.prepare = [](Context&, Tensors& t) {  // full
        for (std::int64_t n = 0; n < t[5].size(); ++n)
          t[5].as<std::int32_t>()[n] = static_cast<std::int32_t>(t[4].shape[1] * t[2].shape[1]);
      };
    }
    const double scale = 1 / std::sqrt(static_cast<double>(E));
    c.run = [scale](Context& context, Tensors& t) { ops::paged_attention(context, t[0], t[1], t[2], t[3], t[4], t[5], scale); };
    c.tolerance = 48;
    c.traffic = pass({2 * N * H * E, 2 * N * L * page * K * E});
    cases.push_back(c);
  }
  for (const auto& [N, V, production] : logits) {
    OpCase c;
    c.production = production;
    c.op = "sample";
    c.shape = words({{"N", N}, {"V", V}});
    c.arguments = {{"tokens", {N}, Fill::tokens, true, V},
                   {"logits", {N, V}},
                   {"rules", {N, 4}, Fill::zero, false, 1, Kind::float64},
                   {"draws", {N, 4}, Fill::tokens, false, 1000000007}};
    c.prepare = [](Context&, Tensors& t) {
      constexpr double kRules[][4] = {{0, 1, 0, 0},       {1, 1, 0, 0},   {0.7, 0.9, 0, 0},   {1.3, 1, 7, 0},
                                      {1, 1, 0, 0.1},     {0.3, 1, 0, 0}, {1, 0.5, 40, 0.02}, {1.9, 0.05, 0, 0},
                                      {2, 0.999, 0, 0.3}, {1, 1, 1, 0},   {1, 1, 0, 1},       {0.9, 0.95, 1e6, 0}};
      for (std::int64_t n = 0; n < t[2].shape[0]; ++n) {
        for (std::int64_t i = 0; i < 4; ++i) t[2].as<double>()[4 * n + i] = kRules[n % 12][i];
      }
    };
    c.run = [](Context& context, Tensors& t) { ops::sample(context, t[0], t[1], t[2], t[3]); };
    c.traffic = pass({N * V});
    cases.push_back(c);
  }
}

}  // namespace

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> list;
    add_matmul(list);
    add_norm(list, {{1, 1, false},
                    {3, 5, false},
                    {7, 64, false},
                    {130, 67, false},
                    {1200, 33, false},
                    {4096, 256, true},
                    {32768, 32, true}});
    add_rope(list, {{1, 1, 2, 1, false}, {5, 3, 6, 4, false}, {33, 2, 66, 40, false}, {4096, 8, 32, 512, true}});
    add_attention(list, {{1, 1, 1, 1, 1, 2, Fill::start, false},           {2, 3, 3, 2, 1, 4, Fill::start, false},
                         {1, 37, 37, 4, 2, 20, Fill::documents, false},    {2, 131, 131, 6, 2, 33, Fill::documents, false},
                         {1, 300, 300, 2, 2, 64, Fill::documents, false},  {1, 290, 290, 2, 1, 96, Fill::start, false},
                         {2, 150, 150, 4, 2, 128, Fill::documents, false}, {1, 400, 400, 1, 1, 64, Fill::start, false},
                         {1, 300, 300, 1, 1, 128, Fill::start, false},     {1, 70, 200, 4, 2, 64, Fill::documents, false},
                         {1, 40, 170, 4, 2, 32, Fill::documents, false},   {2, 1, 77, 4, 2, 40, Fill::start, false},
                         {1, 1, 5, 3, 1, 7, Fill::start, false},           {2, 3, 150, 8, 2, 16, Fill::documents, false},
                         {1, 512, 512, 8, 4, 32, Fill::start, false},      {1, 512, 512, 4, 2, 32, Fill::documents, false},
                         {8, 512, 512, 8, 4, 32, Fill::start, true},       {8, 512, 512, 8, 4, 32, Fill::documents, true},
                         {1, 1024, 1024, 4, 2, 128, Fill::start, true},    {1, 1, 4096, 20, 4, 64, Fill::start, true}});
    add_elements(list, {{1, 1, false}, {3, 7, false}, {17, 63, false}, {40, 1000, false}, {4096, 1344, true}});
    add_vocabulary(list,
                   {{1, 1, 1, false}, {4, 3, 5, false}, {9, 131, 70, false}, {70, 1037, 200, false}, {512, 8192, 256, true}});
    add_fp8(list, {{1, 1, false}, {3, 7, false}, {64, 64, false}, {70, 131, false}, {4096, 1344, true}},
            {{16, 16, 16, false}, {32, 48, 64, false}, {80, 144, 208, false}, {512, 512, 512, true}});
    add_decode(list,
               {{1, 1, 1, 2, 1, 3, false},
                {3, 4, 2, 20, 16, 20, false},
                {4, 5, 1, 64, 16, 40, false},
                {3, 16, 2, 128, 32, 20, false},
                {2, 9, 1, 33, 8, 5, false},
                {8, 32, 8, 128, 16, 256, true}},
               {{1, 1, false}, {12, 3, false}, {24, 130, false}, {36, 3000, false}, {4, 131072, true}});
    return list;
  }();
  return cases;
}

const std::vector<OpCase>& gpu_cases() {
  static const std::vector<OpCase> cases = [] {
    constexpr Transpose n = Transpose::no, t = Transpose::yes;
    std::vector<OpCase> list;
    // One micro-batch of 16384 tokens of apertus-1b: D 2048, F 12288, 16 heads of 128, V 131072; the head in chunks.
    add_norm(list, {{16384, 2048, true}});
    add_rope(list, {{16384, 16, 128, 4096, true}});
    add_elements(list, {{8192, 12288, true}});
    add_vocabulary(list, {{4096, 131072, 2048, true}});
    for (const auto& [in, out] :
         std::vector<std::array<std::int64_t, 2>>{{2048, 12288}, {12288, 2048}, {2048, 3072}, {2048, 2048}}) {
      list.push_back(matmul_case(16384, out, in, n, t, false, true));
      list.push_back(matmul_case(16384, in, out, n, n, false, true));
      list.push_back(matmul_case(out, in, 16384, t, n, true, true));
    }
    list.push_back(matmul_case(4096, 131072, 2048, n, t, false, true));
    list.push_back(matmul_case(8192, 8192, 8192, n, t, false, true));
    add_attention(list, {{1, 8192, 8192, 16, 16, 128, Fill::start, true},
                         {1, 8192, 8192, 16, 16, 64, Fill::start, true},
                         {4, 4096, 4096, 16, 4, 128, Fill::start, true},
                         {4, 4096, 4096, 16, 4, 128, Fill::documents, true}});
    add_fp8(list, {{16384, 12288, true}}, {{16384, 12288, 2048, true}, {16384, 2048, 12288, true}, {8192, 8192, 8192, true}});
    // Decoding with the 8B's heads, one sequence and many.
    add_decode(list, {{1, 32, 8, 128, 16, 512, true}, {32, 32, 8, 128, 16, 512, true}}, {{1, 131072, true}, {32, 131072, true}});
    return list;
  }();
  return cases;
}

}  // namespace cairn::test
