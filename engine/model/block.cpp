#include "engine/model/block.h"

#include <cmath>

#include "base/error.h"
#include "kernels/memory.h"

namespace cairn::model {
namespace {

constexpr Transpose kNo = Transpose::no, kYes = Transpose::yes;
constexpr bool kAccumulate = true, kSameInput = true;

// The linear layers of a block. Those that read one input come one after another; all but the first say so, as in 8 bits the
// input is then there already. `amax` is the input's largest magnitude, for 8 bits.
struct Linear {
  Context& ctx;
  const Fp8Operands* fp8;

  // y = x W^T + b, without b where it is empty.
  void forward(Tensor y, Tensor x, Tensor amax, Tensor w, Tensor b, bool same_input = false) const {
    if (fp8 == nullptr) {
      ops::matmul(ctx, y, x, kNo, w, kYes);
    } else {
      const Tensor input = view(fp8->input, x, kNo);
      const Fp8Weight& weight = fp8->of(w);
      if (!same_input) ops::quantize(ctx, input, {}, fp8->input_scale, x, amax);
      ops::matmul_fp8(ctx, y, input, fp8->input_scale, weight.values, weight.scale);
    }
    if (!b.empty()) ops::bias_forward(ctx, y, b);
  }
  // dx = dy W, or += ;  dW += dy^T x;  db += sum of dy's rows.
  void backward(Tensor dx, bool accumulate, Tensor dw, Tensor db, Tensor dy, Tensor x, Tensor amax, Tensor w,
                bool same_input = false) const {
    if (fp8 == nullptr) {
      ops::matmul(ctx, dx, dy, kNo, w, kNo, accumulate);
      ops::matmul(ctx, dw, dy, kYes, x, kNo, kAccumulate);
    } else {  // products are of the form a b^T
      const Tensor gradient = view(fp8->gradient, dy, kNo), gradient_transposed = view(fp8->gradient_transposed, dy, kYes),
                   input = view(fp8->input, x, kYes);
      const Fp8Weight& weight = fp8->of(w);
      zero(fp8->gradient_amax);
      ops::absolute_max(ctx, fp8->gradient_amax, dy);
      ops::quantize(ctx, gradient, gradient_transposed, fp8->gradient_scale, dy, fp8->gradient_amax);
      if (!same_input) ops::quantize(ctx, {}, input, fp8->input_scale, x, amax);
      ops::matmul_fp8(ctx, dx, gradient, fp8->gradient_scale, weight.transposed, weight.scale, accumulate);
      ops::matmul_fp8(ctx, dw, gradient_transposed, fp8->gradient_scale, input, fp8->input_scale, kAccumulate);
    }
    if (!db.empty()) ops::bias_backward(ctx, db, dy);
  }
  // Where no operation takes an input's largest magnitude on its way.
  void measure(Tensor amax, Tensor x) const {
    if (fp8 != nullptr) ops::absolute_max(ctx, amax, x);
  }

 private:
  static Tensor view(const Tensor& room, const Tensor& x, Transpose transpose) {
    const std::int64_t rows = x.shape[0], columns = x.shape[1];
    const Tensor part = room.rows(0, rows * columns);
    return transpose == kYes ? part.reshape({columns, rows}) : part.reshape({rows, columns});
  }
};

// The parts of one block, each forward beside its backward. Members name what all of them read.
struct Block {
  Context& ctx;
  const ModelConfig& config;
  const LayerParameters& p;
  const TokenPlaces& places;
  BlockActivations& block;
  std::int64_t B;
  const Architecture& architecture = config.architecture;
  const Linear linear{ctx, block.fp8};
  const std::int64_t N = block.x.shape[0], T = N / B;
  const std::int64_t H = config.heads, K = config.kv_heads, E = config.head_width;
  const bool norm_on_input = architecture.norm == NormPlacement::input;
  const InputMaxima& max = block.amax;

  Tensor heads(Tensor t, std::int64_t count) const { return t.reshape({N, count, E}); }
  Tensor sequences(Tensor t, std::int64_t count) const { return t.reshape({B, T, count, E}); }
  Tensor attention_input() const { return norm_on_input ? block.a : block.x; }
  Tensor mlp_input() const { return norm_on_input ? block.m : block.x_mid; }
  double attention_scale() const { return 1.0 / std::sqrt(double(E)); }

  // normed = norm(x), where norms stand on the input of a sublayer                                              [N, D]
  // The largest magnitude of the sublayer's input is taken on the way.
  void norm_input(Tensor normed, Tensor inv_rms, Tensor x, Tensor weight, Tensor amax) {
    if (norm_on_input) {
      ops::rmsnorm_forward(ctx, normed, inv_rms, x, weight, config.norm_eps, amax);
    } else {
      linear.measure(amax, x);
    }
  }
  // dx += gradient through the norm; without one the sublayer's gradient is in dx already.
  void norm_input_backward(Tensor dx, Tensor d_weight, Tensor d_normed, Tensor x, Tensor weight, Tensor inv_rms) {
    if (norm_on_input) ops::rmsnorm_backward(ctx, dx, d_weight, d_normed, x, weight, inv_rms, kAccumulate);
  }

  // y = x + in W^T + b,  or  y = x + norm(in W^T + b) with the product kept in `out`                             [N, D]
  void add_output(Tensor y, Tensor x, Tensor in, Tensor amax, Tensor w, Tensor b, Tensor out, Tensor inv_rms,
                  Tensor norm_weight) {
    linear.forward(norm_on_input ? y : out, in, amax, w, b);
    if (!norm_on_input) ops::rmsnorm_forward(ctx, y, inv_rms, out, norm_weight, config.norm_eps);
    ops::add(ctx, y, y, x);
  }
  // Returns the gradient of in W^T + b, from that of y: dx itself, or through the norm in `scratch`.
  Tensor output_backward(Tensor scratch, Tensor d_norm_weight, Tensor dx, Tensor out, Tensor norm_weight, Tensor inv_rms) {
    if (norm_on_input) return dx;
    ops::rmsnorm_backward(ctx, scratch, d_norm_weight, dx, out, norm_weight, inv_rms);
    return scratch;
  }

  // q or k [N, count*E] = rope(norm(raw)); without a norm raw is q itself
  void rotate(Tensor q, Tensor raw, Tensor inv_rms, Tensor weight, std::int64_t count) {
    if (architecture.qk_norm == QkNorm::head) {
      ops::norm_rope_forward(ctx, heads(q, count), inv_rms, heads(raw, count), weight, config.norm_eps, places.cos, places.sin,
                             places.positions);
      return;
    }
    if (architecture.qk_norm == QkNorm::projection) ops::rmsnorm_forward(ctx, q, inv_rms, raw, weight, config.norm_eps);
    ops::rope_forward(ctx, heads(q, count), heads(q, count), places.cos, places.sin, places.positions);
  }
  // Returns the gradient of raw: in d_raw, or without a norm in dq. Overwrites dq.
  Tensor rotate_backward(Tensor d_raw, Tensor d_weight, Tensor dq, Tensor raw, Tensor inv_rms, Tensor weight,
                         std::int64_t count) {
    if (architecture.qk_norm == QkNorm::head) {
      ops::norm_rope_backward(ctx, heads(d_raw, count), d_weight, heads(dq, count), heads(raw, count), weight, inv_rms,
                              places.cos, places.sin, places.positions);
      return d_raw;
    }
    ops::rope_backward(ctx, heads(dq, count), heads(dq, count), places.cos, places.sin, places.positions);
    if (architecture.qk_norm == QkNorm::none) return dq;
    ops::rmsnorm_backward(ctx, d_raw, d_weight, dq, raw, weight, inv_rms);
    return d_raw;
  }

  // q, k, v of a, with norm and rotation
  void project() {
    const bool norm = architecture.qk_norm != QkNorm::none;
    const Tensor a = attention_input(), q_raw = norm ? block.q_raw : block.q, k_raw = norm ? block.k_raw : block.k;
    linear.forward(q_raw, a, max.attention, p.wq, p.bq);                // [N, H*E]
    linear.forward(k_raw, a, max.attention, p.wk, p.bk, kSameInput);    // [N, K*E]
    linear.forward(block.v, a, max.attention, p.wv, p.bv, kSameInput);  // [N, K*E]
    rotate(block.q, q_raw, block.q_inv_rms, p.q_norm, H);               // [N, H*E]
    rotate(block.k, k_raw, block.k_inv_rms, p.k_norm, K);               // [N, K*E]
  }
  // o = attention(a), without the projection behind it
  void attend(Tensor keys, Tensor values) {
    project();
    ops::attention_forward(ctx, sequences(block.o, H), block.lse, sequences(block.q, H), keys, values, places.first_key,
                           attention_scale());  // [B, T, H, E]
  }
  void attend(const PagedKeys& paged) {
    project();
    const std::int64_t slots = paged.k.shape[0] * paged.k.shape[1];
    const Tensor keys = paged.k.reshape({slots, K * E}), values = paged.v.reshape({slots, K * E});
    ops::cache_append(ctx, keys, block.k, paged.slots);
    ops::cache_append(ctx, values, block.v, paged.slots);
    if (paged.history.empty()) {
      ops::paged_attention(ctx, heads(block.o, H), heads(block.q, H), paged.k, paged.v, paged.table, paged.lengths,
                           attention_scale());  // [N, H, E]
      return;
    }
    const std::int64_t S = paged.history.size();
    ops::embedding_forward(ctx, paged.history_keys, keys, paged.history);  // rows by number: [S, K*E]
    ops::embedding_forward(ctx, paged.history_values, values, paged.history);
    ops::attention_forward(ctx, sequences(block.o, H), block.lse, sequences(block.q, H), paged.history_keys.reshape({1, S, K, E}),
                           paged.history_values.reshape({1, S, K, E}), places.first_key, attention_scale());  // [1, N, H, E]
  }
  // From d.d_o the gradient of a, in d_a; where a is x itself it is added to dx.
  void attend_backward(Tensor dx, Tensor d_a, const LayerParameters& grad, BlockGradients& d) {
    ops::attention_backward(ctx, sequences(d.dq, H), sequences(d.dk, K), sequences(d.dv, K), sequences(d.d_o, H),
                            sequences(block.q, H), sequences(block.k, K), sequences(block.v, K), sequences(block.o, H), block.lse,
                            places.first_key, attention_scale());
    const Tensor dk = rotate_backward(d.dk_raw, grad.k_norm, d.dk, block.k_raw, block.k_inv_rms, p.k_norm, K);  // [N, K*E]
    const Tensor dq = rotate_backward(d.dq_raw, grad.q_norm, d.dq, block.q_raw, block.q_inv_rms, p.q_norm, H);  // [N, H*E]
    const Tensor a = attention_input(), da = norm_on_input ? d_a : dx;
    linear.backward(da, !norm_on_input, grad.wv, grad.bv, d.dv, a, max.attention, p.wv);
    linear.backward(da, kAccumulate, grad.wk, grad.bk, dk, a, max.attention, p.wk, kSameInput);
    linear.backward(da, kAccumulate, grad.wq, grad.bq, dq, a, max.attention, p.wq, kSameInput);
  }

  // u, gate = m Wup^T, m Wgate^T                                                                                [N, F]
  void expand() {
    if (architecture.gated()) linear.forward(block.gate, mlp_input(), max.mlp, p.w_gate, p.b_gate);
    linear.forward(block.u, mlp_input(), max.mlp, p.w_up, p.b_up, architecture.gated());
  }
  // From d.du and d.d_gate the gradient of m, in d_m; where m is x_mid itself it is added to dx.
  void expand_backward(Tensor dx, Tensor d_m, const LayerParameters& grad, BlockGradients& d) {
    const Tensor m = mlp_input(), dm = norm_on_input ? d_m : dx;
    linear.backward(dm, !norm_on_input, grad.w_up, grad.b_up, d.du, m, max.mlp, p.w_up);
    if (architecture.gated())
      linear.backward(dm, kAccumulate, grad.w_gate, grad.b_gate, d.d_gate, m, max.mlp, p.w_gate, kSameInput);
  }

  // g = activation(u, gate)                                                                                     [N, F]
  void activate() {
    switch (architecture.activation) {
      case Activation::xielu:
        return ops::xielu_forward(ctx, block.g, block.u, p.alpha_p, p.alpha_n, max.mlp_output);
      case Activation::swiglu:
        ops::swiglu_forward(ctx, block.g, block.gate, block.u);
        break;
      case Activation::relu2:
        ops::relu2_forward(ctx, block.g, block.u);
        break;
    }
    linear.measure(max.mlp_output, block.g);
  }
  // du, d_gate from dg (du is dg but for SwiGLU)
  void activate_backward(const LayerParameters& grad, BlockGradients& d) {
    switch (architecture.activation) {
      case Activation::xielu:
        return ops::xielu_backward(ctx, d.du, grad.alpha_p, grad.alpha_n, d.dg, block.u, p.alpha_p, p.alpha_n);
      case Activation::swiglu:
        return ops::swiglu_backward(ctx, d.d_gate, d.du, d.dg, block.gate, block.u);
      case Activation::relu2:
        return ops::relu2_backward(ctx, d.du, d.dg, block.u);
    }
  }

  void add_attention() {  // x_mid; and m = norm(x_mid), where norms stand on the input
    linear.measure(max.attention_output, block.o);
    if (!norm_on_input) {
      add_output(block.x_mid, block.x, block.o, max.attention_output, p.wo, p.bo, block.attention_out, block.attention_inv_rms,
                 p.attention_norm);
      return linear.measure(max.mlp, block.x_mid);
    }
    linear.forward(block.x_mid, block.o, max.attention_output, p.wo, p.bo);
    ops::add_rmsnorm_forward(ctx, block.x_mid, block.m, block.mlp_inv_rms, block.x_mid, block.x, p.mlp_norm, config.norm_eps,
                             max.mlp);
  }
  void add_mlp(Tensor y) {
    add_output(y, block.x_mid, block.g, max.mlp_output, p.w_down, p.b_down, block.mlp_out, block.mlp_inv_rms, p.mlp_norm);
  }

  // x -> y, attending to `keys...`: tensors of keys and values, or pages of them.
  template <typename... Keys>
  void forward(Tensor y, const Keys&... keys) {
    if (block.fp8 != nullptr) zero(max.all);
    // x_mid = x + attention(norm(x))
    norm_input(block.a, block.attention_inv_rms, block.x, p.attention_norm, max.attention);  // [N, D]
    attend(keys...);                                                                         // [N, H*E]
    add_attention();                                                                         // [N, D], and norm(x_mid)

    // y = x_mid + mlp(norm(x_mid))
    expand();    // [N, F]
    activate();  // [N, F]
    add_mlp(y);  // [N, D]
  }

  // What the forward did not keep.
  void attention_again(const Recompute& recompute) {
    if (!recompute.keeps_norm_of_x()) norm_input(block.a, block.attention_inv_rms, block.x, p.attention_norm, max.attention);
    if (recompute.keeps_attention()) return;
    attend(sequences(block.k, K), sequences(block.v, K));
    if (recompute.residual || !norm_on_input) add_attention();
  }
  void mlp_again(const Recompute& recompute) {
    if (!recompute.keeps_norm_of_mid() && !recompute.residual)
      norm_input(block.m, block.mlp_inv_rms, block.x_mid, p.mlp_norm, max.mlp);
    if (!recompute.keeps_mlp()) expand();
    if (!recompute.keeps_activation()) activate();
    if (!recompute.keeps_mlp() && !norm_on_input) linear.forward(block.mlp_out, block.g, max.mlp_output, p.w_down, p.b_down);
  }
};

}  // namespace

const Fp8Weight& Fp8Operands::of(const Tensor& weight) const {
  const auto found = weights.find(weight.data);
  if (found == weights.end()) fail("a product in 8 bits with a matrix {} that was not made in 8 bits", weight.describe());
  return found->second;
}

void block_forward(Context& ctx, const ModelConfig& config, const LayerParameters& p, const TokenPlaces& places,
                   BlockActivations& block, Tensor keys, Tensor values, Tensor y) {
  Block{ctx, config, p, places, block, keys.shape[0]}.forward(y, keys, values);
}

void block_forward(Context& ctx, const ModelConfig& config, const LayerParameters& p, const TokenPlaces& places,
                   BlockActivations& block, const PagedKeys& paged, Tensor y) {
  const std::int64_t sequences = paged.history.empty() ? block.x.shape[0] : 1;
  Block{ctx, config, p, places, block, sequences}.forward(y, paged);
}

void block_backward(Context& ctx, const ModelConfig& config, const LayerParameters& p, const LayerParameters& grad,
                    const TokenPlaces& places, BlockActivations& block, BlockGradients& d, Tensor dx,
                    const Recompute& recompute) {
  Block b{ctx, config, p, places, block, block.lse.shape[0]};
  if (recompute.residual) b.attention_again(recompute);
  b.mlp_again(recompute);

  // y = x_mid + mlp(norm(x_mid))
  const Tensor d_mlp = b.output_backward(d.d_normed, grad.mlp_norm, dx, block.mlp_out, p.mlp_norm, block.mlp_inv_rms);  // [N, D]
  b.linear.backward(d.dg, !kAccumulate, grad.w_down, grad.b_down, d_mlp, block.g, block.amax.mlp_output, p.w_down);     // [N, F]
  b.activate_backward(grad, d);                                                                                         // [N, F]
  b.expand_backward(dx, d.d_normed, grad, d);                                                                           // [N, D]
  b.norm_input_backward(dx, grad.mlp_norm, d.d_normed, block.x_mid, p.mlp_norm, block.mlp_inv_rms);  // [N, D], of x_mid

  if (!recompute.residual) b.attention_again(recompute);

  // x_mid = x + attention(norm(x))
  const Tensor d_attention =
      b.output_backward(d.d_normed, grad.attention_norm, dx, block.attention_out, p.attention_norm, block.attention_inv_rms);
  b.linear.backward(d.d_o, !kAccumulate, grad.wo, grad.bo, d_attention, block.o, block.amax.attention_output, p.wo);  // [N, H*E]
  b.attend_backward(dx, d.d_normed, grad, d);                                                                         // [N, D]
  b.norm_input_backward(dx, grad.attention_norm, d.d_normed, block.x, p.attention_norm, block.attention_inv_rms);     // of x
}

}  // namespace cairn::model
