// What treats each number alone, and sums over all of them.
#include <cmath>

#include "tests/kernels/case_builders.h"

namespace cairn::test {

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
  }
}

}  // namespace cairn::test
