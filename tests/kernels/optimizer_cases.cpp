// Steps of the optimizers.
#include "tests/kernels/case_builders.h"

namespace cairn::test {

void add_optimizers(std::vector<OpCase>& cases, const std::vector<Matrix>& shapes) {
  for (const auto& [N, D, production] : shapes) {
    const std::int64_t size = N * D;
    OpCase c;
    c.shape = words({{"N", N}, {"D", D}});
    c.production = production;
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

}  // namespace cairn::test
