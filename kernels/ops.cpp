// Checks shapes and types of every operation, then calls the backend's function.
#include "kernels/ops.h"

#include <initializer_list>

#include "base/error.h"
#include "kernels/backend.h"

namespace cairn::ops {
namespace {

// A tensor argument with its name in ops.h, for errors.
struct Named {
  const char* name;
  const Tensor& tensor;
};

[[noreturn]] void refuse(const char* op, const Named& argument, const std::string& expected) {
  throw Error(fmt::format("{}: {} is {}, expected {}", op, argument.name, argument.tensor.describe(), expected));
}

void check_present(const char* op, const Named& argument) {
  if (argument.tensor.data == nullptr && argument.tensor.size() != 0) {
    fail("{}: {} ({}) has no memory", op, argument.name, argument.tensor.describe());
  }
}

// All arguments: one float type that the backend knows, with memory, contiguous.
void check_types(const char* op, const Context& context, std::initializer_list<Named> arguments, bool need_contiguous = true) {
  const Dtype dtype = arguments.begin()->tensor.dtype;
  for (const Named& argument : arguments) {
    check_present(op, argument);
    if (dtype != Dtype::f32 && !(dtype == Dtype::f64 && context.backend.float64)) {
      fail("{}: the {} backend does not compute in {}", op, context.backend.name, dtype_name(dtype));
    }
    if (argument.tensor.dtype != dtype)
      refuse(op, argument, fmt::format("{} like {}", dtype_name(dtype), arguments.begin()->name));
    if (need_contiguous && !argument.tensor.contiguous()) refuse(op, argument, "contiguous memory");
  }
}

void check_indices(const char* op, const Named& argument, std::int64_t size) {
  check_present(op, argument);
  if (argument.tensor.dtype != Dtype::i32 || !argument.tensor.contiguous()) refuse(op, argument, "contiguous int32");
  if (argument.tensor.size() != size) refuse(op, argument, fmt::format("{} elements", size));
}

void check_shape(const char* op, const Named& argument, std::initializer_list<std::int64_t> sizes) {
  const Tensor expected(nullptr, argument.tensor.dtype, sizes);
  if (argument.tensor.dims != expected.dims || argument.tensor.shape != expected.shape) refuse(op, argument, expected.describe());
}

void check_size(const char* op, const Named& argument, std::int64_t size) {
  if (argument.tensor.size() != size) refuse(op, argument, fmt::format("{} elements", size));
}

void check_like(const char* op, const Named& argument, const Named& model) {
  if (argument.tensor.dims != model.tensor.dims || argument.tensor.shape != model.tensor.shape) {
    refuse(op, argument, fmt::format("the shape of {}, {}", model.name, model.tensor.describe()));
  }
}

void check_dims(const char* op, const Named& argument, int dims) {
  if (argument.tensor.dims != dims) refuse(op, argument, fmt::format("{} dimensions", dims));
}

// Each index in [0, limit). `what` names one of them: "token".
void check_range(const char* op, const char* what, const Tensor& indices, std::int64_t limit) {
  const std::int32_t* values = indices.as<std::int32_t>();
  for (std::int64_t n = 0; n < indices.size(); ++n) {
    if (values[n] < 0 || values[n] >= limit) fail("{}: {} {} at position {} is outside [0, {})", op, what, values[n], n, limit);
  }
}

void check_embedding(const char* op, const Context& context, const Named& table, const Named& rows, const Tensor& tokens) {
  check_types(op, context, {table, rows});
  check_dims(op, table, 2);
  check_indices(op, {"tokens", tokens}, tokens.size());
  check_shape(op, rows, {tokens.size(), table.tensor.shape[1]});
  check_range(op, "token", tokens, table.tensor.shape[0]);
}

std::int64_t check_norm(const char* op, const Context& context, std::initializer_list<Named> arguments, const Named& x,
                        const Named& w, const Named& inv_rms) {
  check_types(op, context, arguments);
  check_dims(op, w, 1);
  const std::int64_t width = w.tensor.size();
  if (width == 0 || x.tensor.dims < 1 || x.tensor.shape[x.tensor.dims - 1] != width) {
    refuse(op, x, fmt::format("a last dimension of {}, the size of w", width));
  }
  check_size(op, inv_rms, x.tensor.size() / width);
  return width;
}

void check_rope(const char* op, const Context& context, const Named& y, const Named& x, const Tensor& cos, const Tensor& sin,
                const Tensor& positions) {
  check_types(op, context, {y, x, {"cos", cos}, {"sin", sin}});
  check_dims(op, x, 3);
  check_like(op, y, x);
  const std::int64_t width = x.tensor.shape[2];
  if (width % 2 != 0) refuse(op, x, "an even last dimension");
  check_dims(op, {"cos", cos}, 2);
  check_shape(op, {"cos", cos}, {cos.shape[0], width / 2});
  check_like(op, {"sin", sin}, {"cos", cos});
  check_indices(op, {"positions", positions}, x.tensor.shape[0]);
  check_range(op, "position", positions, cos.shape[0]);
}

// Heads and batch may be strided; the values of one head must lie side by side.
void check_attention(const char* op, const Context& context, const Named& o, const Named& lse, const Named& q, const Named& k,
                     const Named& v, const Tensor& first_key) {
  check_types(op, context, {q, k, v, o, lse}, false);
  for (const Named& argument : {q, k, v, o}) {
    check_dims(op, argument, 4);
    if (argument.tensor.strides[3] != 1) refuse(op, argument, "a contiguous last dimension");
  }
  const auto [B, T, H, E] = q.tensor.shape;
  const std::int64_t S = k.tensor.shape[1], K = k.tensor.shape[2];
  check_shape(op, k, {B, S, K, E});
  check_like(op, v, k);
  check_like(op, o, q);
  check_shape(op, lse, {B, H, T});
  if (!lse.tensor.contiguous()) refuse(op, lse, "contiguous memory");
  if (S < T) fail("{}: {} queries but only {} keys", op, T, S);
  if (K == 0 || H % K != 0) fail("{}: {} query heads are no multiple of {} key heads", op, H, K);
  check_indices(op, {"first_key", first_key}, B * T);
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

void check_moments(const char* op, const Context& context, std::initializer_list<Named> arguments, std::int64_t step) {
  check_types(op, context, arguments);
  for (const Named& argument : arguments) check_size(op, argument, arguments.begin()->tensor.size());
  if (step < 1) fail("{}: step {} must count from 1", op, step);
}

}  // namespace

void embedding_forward(Context& context, Tensor y, Tensor table, Tensor tokens) {
  check_embedding("embedding_forward", context, {"table", table}, {"y", y}, tokens);
  context.backend.embedding_forward(context, y, table, tokens);
}

void embedding_backward(Context& context, Tensor dtable, Tensor dy, Tensor tokens) {
  check_embedding("embedding_backward", context, {"dtable", dtable}, {"dy", dy}, tokens);
  context.backend.embedding_backward(context, dtable, dy, tokens);
}

void rmsnorm_forward(Context& context, Tensor y, Tensor inv_rms, Tensor x, Tensor w, double eps) {
  const char* op = "rmsnorm_forward";
  check_norm(op, context, {{"x", x}, {"y", y}, {"inv_rms", inv_rms}, {"w", w}}, {"x", x}, {"w", w}, {"inv_rms", inv_rms});
  check_like(op, {"y", y}, {"x", x});
  context.backend.rmsnorm_forward(context, y, inv_rms, x, w, eps);
}

void rmsnorm_backward(Context& context, Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor inv_rms) {
  const char* op = "rmsnorm_backward";
  check_norm(op, context, {{"x", x}, {"dx", dx}, {"dw", dw}, {"dy", dy}, {"w", w}, {"inv_rms", inv_rms}}, {"x", x}, {"w", w},
             {"inv_rms", inv_rms});
  check_like(op, {"dx", dx}, {"x", x});
  check_like(op, {"dy", dy}, {"x", x});
  check_like(op, {"dw", dw}, {"w", w});
  context.backend.rmsnorm_backward(context, dx, dw, dy, x, w, inv_rms);
}

void matmul(Context& context, Tensor c, Tensor a, Transpose ta, Tensor b, Transpose tb, bool accumulate) {
  const char* op = "matmul";
  check_types(op, context, {{"c", c}, {"a", a}, {"b", b}}, false);
  for (const Named& argument : {Named{"c", c}, Named{"a", a}, Named{"b", b}}) {
    check_dims(op, argument, 2);
    if (argument.tensor.shape[1] > 1 && argument.tensor.strides[1] != 1) refuse(op, argument, "contiguous rows");
  }
  const std::int64_t M = ta == Transpose::yes ? a.shape[1] : a.shape[0];
  const std::int64_t K = ta == Transpose::yes ? a.shape[0] : a.shape[1];
  const std::int64_t N = tb == Transpose::yes ? b.shape[0] : b.shape[1];
  if (tb == Transpose::yes) {
    check_shape(op, {"b", b}, {N, K});
  } else {
    check_shape(op, {"b", b}, {K, N});
  }
  check_shape(op, {"c", c}, {M, N});
  context.backend.matmul(context, c, a, ta, b, tb, accumulate);
}

void rope_forward(Context& context, Tensor y, Tensor x, Tensor cos, Tensor sin, Tensor positions) {
  check_rope("rope_forward", context, {"y", y}, {"x", x}, cos, sin, positions);
  context.backend.rope(context, y, x, cos, sin, positions, false);
}

void rope_backward(Context& context, Tensor dx, Tensor dy, Tensor cos, Tensor sin, Tensor positions) {
  check_rope("rope_backward", context, {"dx", dx}, {"dy", dy}, cos, sin, positions);
  context.backend.rope(context, dx, dy, cos, sin, positions, true);
}

void attention_forward(Context& context, Tensor o, Tensor lse, Tensor q, Tensor k, Tensor v, Tensor first_key, double scale) {
  check_attention("attention_forward", context, {"o", o}, {"lse", lse}, {"q", q}, {"k", k}, {"v", v}, first_key);
  context.backend.attention_forward(context, o, lse, q, k, v, first_key, scale);
}

void attention_backward(Context& context, Tensor dq, Tensor dk, Tensor dv, Tensor d_o, Tensor q, Tensor k, Tensor v, Tensor o,
                        Tensor lse, Tensor first_key, double scale) {
  const char* op = "attention_backward";
  check_attention(op, context, {"o", o}, {"lse", lse}, {"q", q}, {"k", k}, {"v", v}, first_key);
  check_types(op, context, {{"q", q}, {"dq", dq}, {"dk", dk}, {"dv", dv}, {"d_o", d_o}}, false);
  if (k.shape[1] != q.shape[1]) refuse(op, {"k", k}, fmt::format("as many keys as queries, {}", q.shape[1]));
  check_like(op, {"dq", dq}, {"q", q});
  check_like(op, {"d_o", d_o}, {"q", q});
  check_like(op, {"dk", dk}, {"k", k});
  check_like(op, {"dv", dv}, {"v", v});
  for (const Named& argument : {Named{"dq", dq}, Named{"dk", dk}, Named{"dv", dv}, Named{"d_o", d_o}}) {
    if (argument.tensor.strides[3] != 1) refuse(op, argument, "a contiguous last dimension");
  }
  context.backend.attention_backward(context, dq, dk, dv, d_o, q, k, v, o, lse, first_key, scale);
}

void xielu_forward(Context& context, Tensor y, Tensor x, Tensor a_p, Tensor a_n) {
  const char* op = "xielu_forward";
  check_types(op, context, {{"x", x}, {"y", y}, {"a_p", a_p}, {"a_n", a_n}});
  check_like(op, {"y", y}, {"x", x});
  check_size(op, {"a_p", a_p}, 1);
  check_size(op, {"a_n", a_n}, 1);
  context.backend.xielu_forward(context, y, x, a_p, a_n);
}

void xielu_backward(Context& context, Tensor dx, Tensor da_p, Tensor da_n, Tensor dy, Tensor x, Tensor a_p, Tensor a_n) {
  const char* op = "xielu_backward";
  check_types(op, context, {{"x", x}, {"dx", dx}, {"dy", dy}, {"da_p", da_p}, {"da_n", da_n}, {"a_p", a_p}, {"a_n", a_n}});
  check_like(op, {"dx", dx}, {"x", x});
  check_like(op, {"dy", dy}, {"x", x});
  for (const Named& argument : {Named{"da_p", da_p}, Named{"da_n", da_n}, Named{"a_p", a_p}, Named{"a_n", a_n}}) {
    check_size(op, argument, 1);
  }
  context.backend.xielu_backward(context, dx, da_p, da_n, dy, x, a_p, a_n);
}

void add(Context& context, Tensor y, Tensor a, Tensor b) {
  check_types("add", context, {{"y", y}, {"a", a}, {"b", b}});
  check_like("add", {"a", a}, {"y", y});
  check_like("add", {"b", b}, {"y", y});
  context.backend.add(context, y, a, b);
}

void scale(Context& context, Tensor y, Tensor x, double factor) {
  check_types("scale", context, {{"y", y}, {"x", x}});
  check_like("scale", {"x", x}, {"y", y});
  context.backend.scale(context, y, x, factor);
}

void cross_entropy(Context& context, Tensor losses, Tensor logits, Tensor targets, Tensor weights, bool with_gradient) {
  const char* op = "cross_entropy";
  check_types(op, context, {{"logits", logits}, {"losses", losses}, {"weights", weights}});
  check_dims(op, {"logits", logits}, 2);
  const auto [N, V] = std::array{logits.shape[0], logits.shape[1]};
  check_size(op, {"losses", losses}, N);
  check_size(op, {"weights", weights}, N);
  check_indices(op, {"targets", targets}, N);
  const std::int32_t* target = targets.as<std::int32_t>();
  for (std::int64_t n = 0; n < N; ++n) {
    const bool counts = weights.dtype == Dtype::f64 ? weights.as<double>()[n] != 0 : weights.as<float>()[n] != 0;
    if (counts && (target[n] < 0 || target[n] >= V)) {
      fail("{}: target {} at position {} is outside [0, {})", op, target[n], n, V);
    }
  }
  context.backend.cross_entropy(context, losses, logits, targets, weights, with_gradient);
}

double sum_of_squares(Context& context, Tensor x) {
  check_types("sum_of_squares", context, {{"x", x}});
  return context.backend.sum_of_squares(context, x);
}

void adamw(Context& context, Tensor p, Tensor m, Tensor v, Tensor g, const AdamWParams& params) {
  check_moments("adamw", context, {{"p", p}, {"m", m}, {"v", v}, {"g", g}}, params.step);
  context.backend.adamw(context, p, m, v, g, params);
}

void ademamix(Context& context, Tensor p, Tensor m1, Tensor m2, Tensor v, Tensor g, const AdEMAMixParams& params) {
  check_moments("ademamix", context, {{"p", p}, {"m1", m1}, {"m2", m2}, {"v", v}, {"g", g}}, params.step);
  context.backend.ademamix(context, p, m1, m2, v, g, params);
}

}  // namespace cairn::ops
