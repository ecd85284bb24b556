// Checks shapes and types of every operation, then calls the backend's function, or composes what a backend lacks. Those of decoding
// and in 8 bits are in files of their own.
#include "kernels/ops.h"

#include <array>

#include "base/error.h"
#include "kernels/backend.h"
#include "kernels/checks.h"
#include "kernels/cuda/queue.h"

namespace cairn {

Dtype statistics_type(Dtype activations) {
  if (activations == Dtype::f64) return Dtype::f64;
  if (activations == Dtype::f32 || activations == Dtype::bf16) return Dtype::f32;
  fail("operations compute in float64, float32 or bfloat16, not {}", dtype_name(activations));
}

Memory* Context::memory() const {
  return queue == nullptr ? nullptr : queue->memory();
}

namespace ops {
namespace {

void check_embedding(const Checks& check, const Named& table, const Named& rows, const Tensor& tokens) {
  check.dims(table, 2);
  check.indices({"tokens", tokens}, tokens.size());
  check.shape(rows, {tokens.size(), table.tensor.shape[1]});
  check.range("token", tokens, table.tensor.shape[0]);
}

void check_norm(const Checks& check, const Named& x, const Named& w, const Named& inv_rms) {
  check.dims(w, 1);
  const std::int64_t width = w.tensor.size();
  if (width == 0 || x.tensor.dims < 1 || x.tensor.shape[static_cast<std::size_t>(x.tensor.dims - 1)] != width) {
    check.refuse(x, fmt::format("a last dimension of {}, the size of w", width));
  }
  check.size(inv_rms, x.tensor.size() / width);
}

void check_rope(const Checks& check, Dtype A, const Named& x, const Tensor& cos, const Tensor& sin, const Tensor& positions) {
  check.statistics(A, {{"cos", cos}, {"sin", sin}});
  check.dims(x, 3);
  const std::int64_t width = x.tensor.shape[2];
  if (width % 2 != 0) check.refuse(x, "an even last dimension");
  check.dims({"cos", cos}, 2);
  check.shape({"cos", cos}, {cos.shape[0], width / 2});
  check.like({"sin", sin}, {"cos", cos});
  check.indices({"positions", positions}, x.tensor.shape[0]);
  check.range("position", positions, cos.shape[0]);
}

// Checks the largest magnitude that is asked for on the way; whether it is, and the backend can.
bool with_amax(const Checks& check, Dtype A, const Tensor& amax, bool can) {
  if (amax.empty()) return false;
  check.statistics(A, {{"amax", amax}});
  check.size({"amax", amax}, 1);
  return can;
}

// Heads and batch may be strided; the values of one head must lie side by side.
void check_attention(const char* op, const Checks& check, double scale, const Named& o, const Named& lse, const Named& q,
                     const Named& k, const Named& v, const Tensor& first_key) {
  const Dtype A = check.activations({q, k, v, o}, false);
  check.statistics(A, {lse});
  for (const Named& argument : {q, k, v, o}) check.dims(argument, 4);
  check.last_contiguous({q, k, v, o});
  const auto [B, T, H, E] = q.tensor.shape;
  const std::int64_t S = k.tensor.shape[1], K = k.tensor.shape[2];
  check.shape(k, {B, S, K, E});
  check.like(v, k);
  check.like(o, q);
  check.shape(lse, {B, H, T});
  if (S < T) fail("{}: {} queries but only {} keys", op, T, S);
  if (!(scale > 0)) fail("{}: scale {} must be positive", op, scale);
  if (K == 0 || H % K != 0) fail("{}: {} query heads are no multiple of {} key heads", op, H, K);
  check.indices({"first_key", first_key}, B * T);
  if (!first_key.on_host()) return;
  const std::int32_t* first = first_key.as<std::int32_t>();
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t t = 0; t < T; ++t) {
      const std::int64_t last = S - T + t;
      if (first[b * T + t] < 0 || first[b * T + t] > last) {
        fail("{}: first_key {} of query [{}, {}] is outside [0, {}]", op, first[b * T + t], b, t, last);
      }
    }
  }
}

void check_targets(const Tensor& targets, const Tensor& weights, std::int64_t V) {
  const std::int32_t* target = targets.as<std::int32_t>();
  for (std::int64_t n = 0; n < targets.size(); ++n) {
    const bool counts = weights.dtype == Dtype::f64 ? weights.as<double>()[n] != 0 : weights.as<float>()[n] != 0;
    if (counts && (target[n] < 0 || target[n] >= V)) {
      fail("cross_entropy: target {} at position {} is outside [0, {})", target[n], n, V);
    }
  }
}

void check_update(const char* op, const Checks& check, const Named& p, Arguments moments, const Named& g, const Named& copy,
                  std::int64_t step) {
  check.activations({p, g});
  if (p.tensor.dtype == Dtype::bf16) check.refuse(p, "float32: parameters are updated in full, see `copy`");
  for (const Named& moment : moments) {
    check.float_type(moment);
    if (moment.tensor.dtype != p.tensor.dtype && moment.tensor.dtype != Dtype::bf16) {
      check.refuse(moment, fmt::format("{} like p, or bfloat16", dtype_name(p.tensor.dtype)));
    }
    check.size(moment, p.tensor.size());
  }
  check.size(g, p.tensor.size());
  if (!copy.tensor.empty()) {
    check.float_type(copy);
    check.size(copy, p.tensor.size());
  }
  if (step < 1) fail("{}: step {} must count from 1", op, step);
}

}  // namespace

void embedding_forward(Context& context, Tensor y, Tensor table, Tensor tokens) {
  const Checks check("embedding_forward", context);
  check.activations({{"table", table}, {"y", y}});
  check_embedding(check, {"table", table}, {"y", y}, tokens);
  context.backend.embedding_forward(context, y, table, tokens);
}

void embedding_backward(Context& context, Tensor dtable, Tensor dy, Tensor tokens) {
  const Checks check("embedding_backward", context);
  check.statistics(check.activations({{"dy", dy}}), {{"dtable", dtable}});
  check_embedding(check, {"dtable", dtable}, {"dy", dy}, tokens);
  context.backend.embedding_backward(context, dtable, dy, tokens);
}

void rmsnorm_forward(Context& context, Tensor y, Tensor inv_rms, Tensor x, Tensor w, double eps, Tensor amax) {
  const Checks check("rmsnorm_forward", context);
  check.statistics(check.activations({{"x", x}, {"y", y}}), {{"inv_rms", inv_rms}, {"w", w}});
  check_norm(check, {"x", x}, {"w", w}, {"inv_rms", inv_rms});
  check.like({"y", y}, {"x", x});
  const bool fused = with_amax(check, x.dtype, amax, context.backend.rmsnorm_forward_amax != nullptr);
  if (fused) return context.backend.rmsnorm_forward_amax(context, y, inv_rms, x, w, eps, amax);
  context.backend.rmsnorm_forward(context, y, inv_rms, x, w, eps);
  if (!amax.empty()) absolute_max(context, amax, y);
}

void rmsnorm_backward(Context& context, Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor inv_rms, bool accumulate) {
  const Checks check("rmsnorm_backward", context);
  check.statistics(check.activations({{"x", x}, {"dx", dx}, {"dy", dy}}), {{"dw", dw}, {"w", w}, {"inv_rms", inv_rms}});
  check_norm(check, {"x", x}, {"w", w}, {"inv_rms", inv_rms});
  check.like({"dx", dx}, {"x", x});
  check.like({"dy", dy}, {"x", x});
  check.like({"dw", dw}, {"w", w});
  context.backend.rmsnorm_backward(context, dx, dw, dy, x, w, inv_rms, accumulate);
}

void add_rmsnorm_forward(Context& context, Tensor sum, Tensor y, Tensor inv_rms, Tensor a, Tensor b, Tensor w, double eps,
                         Tensor amax) {
  if (context.backend.add_rmsnorm_forward == nullptr) {
    add(context, sum, a, b);
    rmsnorm_forward(context, y, inv_rms, sum, w, eps, amax);
    return;
  }
  const Checks check("add_rmsnorm_forward", context);
  check.statistics(check.activations({{"sum", sum}, {"y", y}, {"a", a}, {"b", b}}), {{"inv_rms", inv_rms}, {"w", w}});
  check_norm(check, {"sum", sum}, {"w", w}, {"inv_rms", inv_rms});
  for (const Named& argument : {Named{"y", y}, Named{"a", a}, Named{"b", b}}) check.like(argument, {"sum", sum});
  const bool fused = with_amax(check, y.dtype, amax, context.backend.add_rmsnorm_forward_amax != nullptr);
  if (fused) return context.backend.add_rmsnorm_forward_amax(context, sum, y, inv_rms, a, b, w, eps, amax);
  context.backend.add_rmsnorm_forward(context, sum, y, inv_rms, a, b, w, eps);
  if (!amax.empty()) absolute_max(context, amax, y);
}

void matmul(Context& context, Tensor c, Tensor a, Transpose ta, Tensor b, Transpose tb, bool accumulate) {
  const Checks check("matmul", context);
  const Dtype A = check.activations({{"a", a}, {"b", b}}, false);
  if (c.dtype == A) {
    check.activations({{"a", a}, {"c", c}}, false);
  } else {
    check.statistics(A, {{"c", c}}, false);
  }
  for (const Named& argument : {Named{"c", c}, Named{"a", a}, Named{"b", b}}) {
    check.dims(argument, 2);
    if (argument.tensor.shape[1] > 1 && argument.tensor.strides[1] != 1) check.refuse(argument, "contiguous rows");
  }
  const std::int64_t M = ta == Transpose::yes ? a.shape[1] : a.shape[0];
  const std::int64_t K = ta == Transpose::yes ? a.shape[0] : a.shape[1];
  const std::int64_t N = tb == Transpose::yes ? b.shape[0] : b.shape[1];
  if (tb == Transpose::yes) {
    check.shape({"b", b}, {N, K});
  } else {
    check.shape({"b", b}, {K, N});
  }
  check.shape({"c", c}, {M, N});
  context.backend.matmul(context, c, a, ta, b, tb, accumulate);
}

void bias_forward(Context& context, Tensor y, Tensor b) {
  const Checks check("bias_forward", context);
  check.statistics(check.activations({{"y", y}}), {{"b", b}});
  check.dims({"y", y}, 2);
  check.size({"b", b}, y.shape[1]);
  context.backend.bias_forward(context, y, b);
}

void bias_backward(Context& context, Tensor db, Tensor dy) {
  const Checks check("bias_backward", context);
  check.statistics(check.activations({{"dy", dy}}), {{"db", db}});
  check.dims({"dy", dy}, 2);
  check.size({"db", db}, dy.shape[1]);
  context.backend.bias_backward(context, db, dy);
}

void rope_forward(Context& context, Tensor y, Tensor x, Tensor cos, Tensor sin, Tensor positions) {
  const Checks check("rope_forward", context);
  const Dtype A = check.activations({{"x", x}, {"y", y}});
  check_rope(check, A, {"x", x}, cos, sin, positions);
  check.like({"y", y}, {"x", x});
  context.backend.rope(context, y, x, cos, sin, positions, false);
}

void rope_backward(Context& context, Tensor dx, Tensor dy, Tensor cos, Tensor sin, Tensor positions) {
  const Checks check("rope_backward", context);
  const Dtype A = check.activations({{"dy", dy}, {"dx", dx}});
  check_rope(check, A, {"dy", dy}, cos, sin, positions);
  check.like({"dx", dx}, {"dy", dy});
  context.backend.rope(context, dx, dy, cos, sin, positions, true);
}

void norm_rope_forward(Context& context, Tensor y, Tensor inv_rms, Tensor x, Tensor w, double eps, Tensor cos, Tensor sin,
                       Tensor positions) {
  if (context.backend.norm_rope_forward == nullptr) {
    rmsnorm_forward(context, y, inv_rms, x, w, eps);
    rope_forward(context, y, y, cos, sin, positions);
    return;
  }
  const Checks check("norm_rope_forward", context);
  const Dtype A = check.activations({{"x", x}, {"y", y}});
  check.statistics(A, {{"inv_rms", inv_rms}, {"w", w}});
  check_norm(check, {"x", x}, {"w", w}, {"inv_rms", inv_rms});
  check_rope(check, A, {"x", x}, cos, sin, positions);
  check.like({"y", y}, {"x", x});
  context.backend.norm_rope_forward(context, y, inv_rms, x, w, eps, cos, sin, positions);
}

void norm_rope_backward(Context& context, Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor inv_rms, Tensor cos,
                        Tensor sin, Tensor positions) {
  if (context.backend.norm_rope_backward == nullptr) {
    rope_backward(context, dy, dy, cos, sin, positions);
    rmsnorm_backward(context, dx, dw, dy, x, w, inv_rms);
    return;
  }
  const Checks check("norm_rope_backward", context);
  const Dtype A = check.activations({{"x", x}, {"dx", dx}, {"dy", dy}});
  check.statistics(A, {{"dw", dw}, {"w", w}, {"inv_rms", inv_rms}});
  check_norm(check, {"x", x}, {"w", w}, {"inv_rms", inv_rms});
  check_rope(check, A, {"x", x}, cos, sin, positions);
  check.like({"dx", dx}, {"x", x});
  check.like({"dy", dy}, {"x", x});
  check.like({"dw", dw}, {"w", w});
  context.backend.norm_rope_backward(context, dx, dw, dy, x, w, inv_rms, cos, sin, positions);
}

void attention_forward(Context& context, Tensor o, Tensor lse, Tensor q, Tensor k, Tensor v, Tensor first_key, double scale) {
  const char* op = "attention_forward";
  const Checks check(op, context);
  check_attention(op, check, scale, {"o", o}, {"lse", lse}, {"q", q}, {"k", k}, {"v", v}, first_key);
  context.backend.attention_forward(context, o, lse, q, k, v, first_key, scale);
}

void attention_backward(Context& context, Tensor dq, Tensor dk, Tensor dv, Tensor d_o, Tensor q, Tensor k, Tensor v, Tensor o,
                        Tensor lse, Tensor first_key, double scale) {
  const char* op = "attention_backward";
  const Checks check(op, context);
  check_attention(op, check, scale, {"o", o}, {"lse", lse}, {"q", q}, {"k", k}, {"v", v}, first_key);
  check.activations({{"q", q}, {"dq", dq}, {"dk", dk}, {"dv", dv}, {"d_o", d_o}}, false);
  if (k.shape[1] != q.shape[1]) check.refuse({"k", k}, fmt::format("as many keys as queries, {}", q.shape[1]));
  check.like({"dq", dq}, {"q", q});
  check.like({"d_o", d_o}, {"q", q});
  check.like({"dk", dk}, {"k", k});
  check.like({"dv", dv}, {"v", v});
  check.last_contiguous({{"dq", dq}, {"dk", dk}, {"dv", dv}, {"d_o", d_o}});
  context.backend.attention_backward(context, dq, dk, dv, d_o, q, k, v, o, lse, first_key, scale);
}

void xielu_forward(Context& context, Tensor y, Tensor x, Tensor a_p, Tensor a_n, Tensor amax) {
  const Checks check("xielu_forward", context);
  check.statistics(check.activations({{"x", x}, {"y", y}}), {{"a_p", a_p}, {"a_n", a_n}});
  check.like({"y", y}, {"x", x});
  check.size({"a_p", a_p}, 1);
  check.size({"a_n", a_n}, 1);
  const bool fused = with_amax(check, x.dtype, amax, context.backend.xielu_forward_amax != nullptr);
  if (fused) return context.backend.xielu_forward_amax(context, y, x, a_p, a_n, amax);
  context.backend.xielu_forward(context, y, x, a_p, a_n);
  if (!amax.empty()) absolute_max(context, amax, y);
}

void xielu_backward(Context& context, Tensor dx, Tensor da_p, Tensor da_n, Tensor dy, Tensor x, Tensor a_p, Tensor a_n) {
  const Checks check("xielu_backward", context);
  const Dtype A = check.activations({{"x", x}, {"dx", dx}, {"dy", dy}});
  check.statistics(A, {{"da_p", da_p}, {"da_n", da_n}, {"a_p", a_p}, {"a_n", a_n}});
  check.like({"dx", dx}, {"x", x});
  check.like({"dy", dy}, {"x", x});
  for (const Named& argument : {Named{"da_p", da_p}, Named{"da_n", da_n}, Named{"a_p", a_p}, Named{"a_n", a_n}}) {
    check.size(argument, 1);
  }
  context.backend.xielu_backward(context, dx, da_p, da_n, dy, x, a_p, a_n);
}

void swiglu_forward(Context& context, Tensor y, Tensor gate, Tensor up) {
  const Checks check("swiglu_forward", context);
  check.activations({{"gate", gate}, {"up", up}, {"y", y}});
  check.like({"up", up}, {"gate", gate});
  check.like({"y", y}, {"gate", gate});
  context.backend.swiglu_forward(context, y, gate, up);
}

void swiglu_backward(Context& context, Tensor dgate, Tensor dup, Tensor dy, Tensor gate, Tensor up) {
  const Checks check("swiglu_backward", context);
  check.activations({{"gate", gate}, {"up", up}, {"dy", dy}, {"dgate", dgate}, {"dup", dup}});
  for (const Named& argument : {Named{"up", up}, Named{"dy", dy}, Named{"dgate", dgate}, Named{"dup", dup}}) {
    check.like(argument, {"gate", gate});
  }
  context.backend.swiglu_backward(context, dgate, dup, dy, gate, up);
}

void relu2_forward(Context& context, Tensor y, Tensor x) {
  const Checks check("relu2_forward", context);
  check.activations({{"x", x}, {"y", y}});
  check.like({"y", y}, {"x", x});
  context.backend.relu2_forward(context, y, x);
}

void relu2_backward(Context& context, Tensor dx, Tensor dy, Tensor x) {
  const Checks check("relu2_backward", context);
  check.activations({{"x", x}, {"dy", dy}, {"dx", dx}});
  check.like({"dy", dy}, {"x", x});
  check.like({"dx", dx}, {"x", x});
  context.backend.relu2_backward(context, dx, dy, x);
}

void add(Context& context, Tensor y, Tensor a, Tensor b) {
  const Checks check("add", context);
  check.activations({{"y", y}, {"a", a}, {"b", b}});
  check.like({"a", a}, {"y", y});
  check.like({"b", b}, {"y", y});
  context.backend.add(context, y, a, b);
}

void scale(Context& context, Tensor y, Tensor x, double factor) {
  const Checks check("scale", context);
  check.activations({{"y", y}, {"x", x}});
  check.like({"x", x}, {"y", y});
  context.backend.scale(context, y, x, factor);
}

void axpby(Context& context, Tensor y, Tensor x, double a, double b) {
  const Checks check("axpby", context);
  check.float_type({"y", y});
  check.float_type({"x", x});
  check.like({"x", x}, {"y", y});
  context.backend.axpby(context, y, x, a, b);
}

void convert(Context& context, Tensor y, Tensor x) {
  const Checks check("convert", context);
  check.float_type({"y", y});
  check.float_type({"x", x});
  check.like({"x", x}, {"y", y});
  context.backend.convert(context, y, x);
}

void cross_entropy(Context& context, Tensor losses, Tensor logits, Tensor targets, Tensor weights, bool with_gradient,
                   double z_loss) {
  const Checks check("cross_entropy", context);
  const Dtype A = check.activations({{"logits", logits}});
  check.statistics(A, {{"losses", losses}, {"weights", weights}});
  check.dims({"logits", logits}, 2);
  const auto [N, V] = std::array{logits.shape[0], logits.shape[1]};
  check.size({"losses", losses}, N);
  check.size({"weights", weights}, N);
  check.indices({"targets", targets}, N);
  if (targets.on_host()) check_targets(targets, weights, V);
  if (!(z_loss >= 0)) fail("cross_entropy: z_loss {} must not be negative", z_loss);
  context.backend.cross_entropy(context, losses, logits, targets, weights, with_gradient, z_loss);
}

double sum_of_squares(Context& context, Tensor x) {
  Checks("sum_of_squares", context).activations({{"x", x}});
  return context.backend.sum_of_squares(context, x);
}

void adamw(Context& context, Tensor p, Tensor m, Tensor v, Tensor g, const AdamWParams& params, Tensor copy) {
  const Checks check("adamw", context);
  check_update("adamw", check, {"p", p}, {{"m", m}, {"v", v}}, {"g", g}, {"copy", copy}, params.step);
  context.backend.adamw(context, p, m, v, g, params, copy);
}

void ademamix(Context& context, Tensor p, Tensor m1, Tensor m2, Tensor v, Tensor g, const AdEMAMixParams& params, Tensor copy) {
  const Checks check("ademamix", context);
  check_update("ademamix", check, {"p", p}, {{"m1", m1}, {"m2", m2}, {"v", v}}, {"g", g}, {"copy", copy}, params.step);
  context.backend.ademamix(context, p, m1, m2, v, g, params, copy);
}

}  // namespace ops
}  // namespace cairn
