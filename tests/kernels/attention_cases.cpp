// Attention: causal, inside documents, with keys before the queries, forward and backward.
#include <cmath>

#include "tests/kernels/case_builders.h"

namespace cairn::test {

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

}  // namespace cairn::test
