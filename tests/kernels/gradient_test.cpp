// The backward functions against central differences of the forward ones, in float64 on ref.
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/random.h"
#include "kernels/backend.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

// Float64 tensors that own their numbers.
struct Numbers {
  std::vector<double> values;
  Tensor tensor;

  Numbers(std::initializer_list<std::int64_t> sizes, std::string_view purpose = "") {
    const Tensor shape(nullptr, Dtype::f64, sizes);
    values.assign(static_cast<std::size_t>(shape.size()), 0.0);
    const Random random(11, purpose);
    for (std::size_t i = 0; i < values.size() && !purpose.empty(); ++i) values[i] = random.normal(i);
    tensor = Tensor(values.data(), Dtype::f64, sizes);
  }
  Numbers(const Numbers&) = delete;
};

struct Indices {
  std::vector<std::int32_t> values;
  Tensor tensor;
  Indices(std::vector<std::int32_t> v, std::initializer_list<std::int64_t> sizes)
      : values(std::move(v)), tensor(values.data(), Dtype::i32, sizes) {}
  Indices(const Indices&) = delete;
};

double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

// d loss / d x[i] by central differences against `gradient`.
void check_gradient(const char* name, Numbers& x, const Numbers& gradient, const std::function<double()>& loss) {
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const double kept = x.values[i], step = 1e-5;
    x.values[i] = kept + step;
    const double above = loss();
    x.values[i] = kept - step;
    const double below = loss();
    x.values[i] = kept;
    const double numeric = (above - below) / (2 * step);
    const double allowed = 1e-7 * std::max(1.0, std::abs(numeric));
    CHECK_MESSAGE(std::abs(numeric - gradient.values[i]) <= allowed,
                  name << "[" << i << "]: " << gradient.values[i] << ", central difference " << numeric);
  }
}

struct Fixture {
  ThreadPool pool{1};
  Context context{ref_backend(), pool};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "gradient of matmul, in the forms that a linear layer uses") {
  Numbers x({5, 3}, "x"), w({4, 3}, "w"), y({5, 4}), dy({5, 4}, "dy"), dx({5, 3}), dw({4, 3});
  const auto loss = [&] {
    ops::matmul(context, y.tensor, x.tensor, Transpose::no, w.tensor, Transpose::yes);
    return dot(y, dy);
  };
  ops::matmul(context, dx.tensor, dy.tensor, Transpose::no, w.tensor, Transpose::no);
  ops::matmul(context, dw.tensor, dy.tensor, Transpose::yes, x.tensor, Transpose::no, true);
  check_gradient("dx", x, dx, loss);
  check_gradient("dw", w, dw, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of embedding") {
  Numbers table({4, 3}, "table"), y({5, 3}), dy({5, 3}, "dy"), dtable({4, 3});
  Indices tokens({2, 0, 2, 3, 2}, {5});
  const auto loss = [&] {
    ops::embedding_forward(context, y.tensor, table.tensor, tokens.tensor);
    return dot(y, dy);
  };
  ops::embedding_backward(context, dtable.tensor, dy.tensor, tokens.tensor);
  check_gradient("dtable", table, dtable, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of rmsnorm") {
  Numbers x({3, 5}, "x"), w({5}, "w"), y({3, 5}), inv_rms({3}), dy({3, 5}, "dy"), dx({3, 5}), dw({5});
  const auto loss = [&] {
    ops::rmsnorm_forward(context, y.tensor, inv_rms.tensor, x.tensor, w.tensor, 1e-2);
    return dot(y, dy);
  };
  loss();
  ops::rmsnorm_backward(context, dx.tensor, dw.tensor, dy.tensor, x.tensor, w.tensor, inv_rms.tensor);
  check_gradient("dx", x, dx, loss);
  check_gradient("dw", w, dw, loss);
}

TEST_CASE_FIXTURE(Fixture, "rmsnorm's backward adds to what is there when asked to") {
  Numbers x({3, 5}, "x"), w({5}, "w"), y({3, 5}), inv_rms({3}), dy({3, 5}, "dy"), dx({3, 5}), sum({3, 5}, "before"), dw({5});
  const std::vector<double> before = sum.values;
  ops::rmsnorm_forward(context, y.tensor, inv_rms.tensor, x.tensor, w.tensor, 1e-2);
  ops::rmsnorm_backward(context, dx.tensor, dw.tensor, dy.tensor, x.tensor, w.tensor, inv_rms.tensor);
  ops::rmsnorm_backward(context, sum.tensor, dw.tensor, dy.tensor, x.tensor, w.tensor, inv_rms.tensor, true);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(sum.values[i] == doctest::Approx(before[i] + dx.values[i]));
}

TEST_CASE_FIXTURE(Fixture, "gradient of the residual connection with its norm") {
  Numbers a({3, 5}, "a"), b({3, 5}, "b"), w({5}, "w"), sum({3, 5}), y({3, 5}), inv_rms({3});
  Numbers d_sum({3, 5}, "dsum"), dy({3, 5}, "dy"), dx({3, 5}), dw({5});
  const auto loss = [&] {
    ops::add_rmsnorm_forward(context, sum.tensor, y.tensor, inv_rms.tensor, a.tensor, b.tensor, w.tensor, 1e-2);
    return dot(y, dy) + dot(sum, d_sum);
  };
  loss();
  dx.values = d_sum.values;  // the gradient that comes along the residual stream
  ops::rmsnorm_backward(context, dx.tensor, dw.tensor, dy.tensor, sum.tensor, w.tensor, inv_rms.tensor, true);
  check_gradient("da", a, dx, loss);
  check_gradient("db", b, dx, loss);
  check_gradient("dw", w, dw, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of QK-norm with rope") {
  Numbers x({3, 2, 6}, "x"), w({6}, "w"), y({3, 2, 6}), inv_rms({6}), dy({3, 2, 6}, "dy"), dx({3, 2, 6}), dw({6}), cos({8, 3}),
      sin({8, 3});
  Indices positions({0, 7, 3}, {3});
  rope_table(cos.tensor, sin.tensor, 100, {});
  const auto loss = [&] {
    ops::norm_rope_forward(context, y.tensor, inv_rms.tensor, x.tensor, w.tensor, 1e-2, cos.tensor, sin.tensor, positions.tensor);
    return dot(y, dy);
  };
  loss();
  const std::vector<double> kept = dy.values;
  ops::norm_rope_backward(context, dx.tensor, dw.tensor, dy.tensor, x.tensor, w.tensor, inv_rms.tensor, cos.tensor, sin.tensor,
                          positions.tensor);
  dy.values = kept;
  check_gradient("dx", x, dx, loss);
  check_gradient("dw", w, dw, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of a bias") {
  Numbers start({4, 3}, "start"), b({3}, "b"), y({4, 3}), dy({4, 3}, "dy"), db({3});
  const auto loss = [&] {
    y.values = start.values;
    ops::bias_forward(context, y.tensor, b.tensor);
    return dot(y, dy);
  };
  ops::bias_backward(context, db.tensor, dy.tensor);
  check_gradient("db", b, db, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of rope; the backward is the inverse rotation") {
  Numbers x({3, 2, 6}, "x"), y({3, 2, 6}), dy({3, 2, 6}, "dy"), dx({3, 2, 6}), cos({8, 3}), sin({8, 3});
  Indices positions({0, 7, 3}, {3});
  rope_table(cos.tensor, sin.tensor, 100, {});
  const auto loss = [&] {
    ops::rope_forward(context, y.tensor, x.tensor, cos.tensor, sin.tensor, positions.tensor);
    return dot(y, dy);
  };
  ops::rope_backward(context, dx.tensor, dy.tensor, cos.tensor, sin.tensor, positions.tensor);
  check_gradient("dx", x, dx, loss);
  loss();
  ops::rope_backward(context, y.tensor, y.tensor, cos.tensor, sin.tensor, positions.tensor);  // in place
  for (std::size_t i = 0; i < x.values.size(); ++i) CHECK(y.values[i] == doctest::Approx(x.values[i]).epsilon(1e-12));
}

TEST_CASE_FIXTURE(Fixture, "gradient of attention: grouped heads, documents") {
  Numbers q({2, 5, 4, 3}, "q"), k({2, 5, 2, 3}, "k"), v({2, 5, 2, 3}, "v"), o({2, 5, 4, 3}), lse({2, 4, 5}),
      d_o({2, 5, 4, 3}, "do");
  Numbers dq({2, 5, 4, 3}), dk({2, 5, 2, 3}), dv({2, 5, 2, 3});
  Indices first({0, 0, 2, 2, 2, 0, 1, 1, 1, 4}, {2, 5});
  const auto loss = [&] {
    ops::attention_forward(context, o.tensor, lse.tensor, q.tensor, k.tensor, v.tensor, first.tensor, 0.7);
    return dot(o, d_o);
  };
  loss();
  ops::attention_backward(context, dq.tensor, dk.tensor, dv.tensor, d_o.tensor, q.tensor, k.tensor, v.tensor, o.tensor,
                          lse.tensor, first.tensor, 0.7);
  check_gradient("dq", q, dq, loss);
  check_gradient("dk", k, dk, loss);
  check_gradient("dv", v, dv, loss);
}

TEST_CASE_FIXTURE(Fixture, "attention inside documents is attention of each document alone") {
  Numbers q({1, 6, 2, 4}, "q"), k({1, 6, 1, 4}, "k"), v({1, 6, 1, 4}, "v"), o({1, 6, 2, 4}), lse({1, 2, 6});
  Indices first({0, 0, 2, 2, 2, 5}, {1, 6});
  ops::attention_forward(context, o.tensor, lse.tensor, q.tensor, k.tensor, v.tensor, first.tensor, 0.5);
  for (const auto& document : std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 2}, {2, 5}, {5, 6}}) {
    const std::int64_t begin = document.first, T = document.second - begin;
    Numbers part({1, T, 2, 4}), part_lse({1, 2, T});
    Indices start(std::vector<std::int32_t>(static_cast<std::size_t>(T), 0), {1, T});
    const auto slice = [&](const Numbers& all, std::int64_t heads) {
      return Tensor(const_cast<double*>(all.values.data()) + begin * heads * 4, Dtype::f64, {1, T, heads, 4});
    };
    ops::attention_forward(context, part.tensor, part_lse.tensor, slice(q, 2), slice(k, 1), slice(v, 1), start.tensor, 0.5);
    for (std::size_t i = 0; i < part.values.size(); ++i)
      CHECK(part.values[i] == o.values[static_cast<std::size_t>(begin * 8) + i]);
  }
}

TEST_CASE_FIXTURE(Fixture, "gradient of xIELU, away from its kinks") {
  Numbers x({40}, "x"), y({40}), dy({40}, "dy"), dx({40}), a_p({1}, "p"), a_n({1}, "n"), da_p({1}), da_n({1});
  const auto loss = [&] {
    ops::xielu_forward(context, y.tensor, x.tensor, a_p.tensor, a_n.tensor);
    return dot(y, dy);
  };
  ops::xielu_backward(context, dx.tensor, da_p.tensor, da_n.tensor, dy.tensor, x.tensor, a_p.tensor, a_n.tensor);
  check_gradient("dx", x, dx, loss);
  check_gradient("da_p", a_p, da_p, loss);
  check_gradient("da_n", a_n, da_n, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of SwiGLU") {
  Numbers gate({40}, "gate"), up({40}, "up"), y({40}), dy({40}, "dy"), dgate({40}), dup({40});
  const auto loss = [&] {
    ops::swiglu_forward(context, y.tensor, gate.tensor, up.tensor);
    return dot(y, dy);
  };
  ops::swiglu_backward(context, dgate.tensor, dup.tensor, dy.tensor, gate.tensor, up.tensor);
  check_gradient("dgate", gate, dgate, loss);
  check_gradient("dup", up, dup, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of ReLU^2") {
  Numbers x({40}, "x"), y({40}), dy({40}, "dy"), dx({40});
  const auto loss = [&] {
    ops::relu2_forward(context, y.tensor, x.tensor);
    return dot(y, dy);
  };
  ops::relu2_backward(context, dx.tensor, dy.tensor, x.tensor);
  check_gradient("dx", x, dx, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of cross entropy with z-loss; the loss is the formula's") {
  Numbers logits({3, 5}, "logits"), kept({3, 5}), losses({3}), weights({3}, "weights"), gradient({3, 5});
  Indices targets({4, 0, 2}, {3});
  kept.values = logits.values;
  ops::cross_entropy(context, losses.tensor, kept.tensor, targets.tensor, weights.tensor, true, 0.3);
  gradient.values = kept.values;
  for (std::size_t n = 0; n < 3; ++n) {
    double sum = 0;
    for (std::size_t v = 0; v < 5; ++v) sum += std::exp(logits.values[n * 5 + v]);
    const double target = logits.values[n * 5 + static_cast<std::size_t>(targets.values[n])];
    const double want = weights.values[n] * (std::log(sum) - target + 0.3 * std::log(sum) * std::log(sum));
    CHECK(losses.values[n] == doctest::Approx(want).epsilon(1e-12));
  }
  const auto loss = [&] {
    ops::cross_entropy(context, losses.tensor, logits.tensor, targets.tensor, weights.tensor, false, 0.3);
    return losses.values[0] + losses.values[1] + losses.values[2];
  };
  check_gradient("logits", logits, gradient, loss);
}

TEST_CASE_FIXTURE(Fixture, "gradient of cross entropy, with weights") {
  Numbers logits({3, 5}, "logits"), kept({3, 5}), losses({3}), weights({3}, "weights"), gradient({3, 5});
  Indices targets({4, -7, 2}, {3});  // where the weight is 0 the target may be anything
  weights.values[1] = 0;
  kept.values = logits.values;
  ops::cross_entropy(context, losses.tensor, kept.tensor, targets.tensor, weights.tensor, true);
  gradient.values = kept.values;
  CHECK(losses.values[1] == 0);
  const auto loss = [&] {
    ops::cross_entropy(context, losses.tensor, logits.tensor, targets.tensor, weights.tensor, false);
    return losses.values[0] + losses.values[1] + losses.values[2];
  };
  check_gradient("logits", logits, gradient, loss);
}

}  // namespace cairn::test
