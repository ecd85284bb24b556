// What is as wide as the vocabulary: embedding and cross entropy.
#include <tuple>

#include "tests/kernels/case_builders.h"

namespace cairn::test {

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

}  // namespace cairn::test
