// Norms, biases and rotary positions.
#include <cmath>

#include "tests/kernels/case_builders.h"

namespace cairn::test {
namespace {

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

}  // namespace

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

}  // namespace cairn::test
