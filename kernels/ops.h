// Every operation of the tensor math, once: shapes, types, formula, source. A backend (ref, cpu, cuda) is a table of these
// functions.
//
// Conventions. N rows (tokens, B*T), D model width, H query heads, K key/value heads (H a multiple of K), E head width, F width
// of the MLP, V vocabulary. Matrices are row-major and contiguous unless said otherwise. "+=" accumulates into the output; all
// else overwrites. Gradients are named by a leading d. No output may alias an input unless said so. Shapes and types are checked
// by the functions here (Error on mismatch), then the backend's function is called. The same arguments give the same bits on one
// backend, for any number of threads: reductions are ordered by shape alone.
//
// Types. An operation works in an activation type A: float64 (ref only), float32 or bfloat16. Tensors are of type A where not
// said otherwise: activations, their gradients, matrices of weights. "S" marks tensors of the statistics type, float64 for A =
// float64 and float32 else: vectors of weights, statistics kept for the backward, losses, tables, and all gradients of
// parameters. With A = bfloat16 an operation computes in float32 and rounds its results of type A to nearest even, once; ref does
// just that.
//
// Indices (tokens, positions, first keys, targets) are checked here where they lie on the host; who copies them to a device
// checks them before (engine/model/batch.h).
//
// A backend must fill the required entries of its table; the optional (fused) ones default to a composition of required ones, and
// that composition is their test oracle. In bfloat16 the composition rounds once more, between its parts.
#pragma once

#include <cstdint>
#include <string>

#include "base/thread_pool.h"
#include "kernels/rope_table.h"
#include "kernels/tensor.h"

namespace cairn {

struct Backend;
namespace cuda {
class Queue;
}

// What an operation runs with: the backend's table and threads; on a GPU also the queue that it goes to (kernels/cuda/queue.h).
// The cpu and ref backends keep what scratch memory they need, per thread.
struct Context {
  const Backend& backend;
  ThreadPool& pool;
  const cuda::Queue* queue = nullptr;
  // In products a b^T: the bits of a row of c follow from its row of a alone, and not from how many rows there are beside it.
  // That is slower for many rows. The cpu and ref backends see to it; on a GPU it holds among products of one shape.
  bool rows_alone = false;

  Memory* memory() const;  // where the tensors of operations lie; null: on the host
};

// The statistics type S that goes with activation type A (see above). Error for a type that nothing computes in.
Dtype statistics_type(Dtype activations);

enum class Transpose : bool { no = false, yes = true };

// What the optimizers' passes share beside their constants.
struct UpdateOptions {
  double gradient_scale = 1;       // g counts as gradient_scale * g: clipping without a pass of its own
  std::uint64_t seed = 0;          // of the stochastic rounding of bfloat16 moments
  std::int64_t first_element = 0;  // number of p[0] among all elements of the model: the same draws however it is cut
};

struct AdamWParams {
  double lr, beta1, beta2, eps, weight_decay;
  std::int64_t step;  // counts from 1
  UpdateOptions options = {};
};

struct AdEMAMixParams {  // all schedules already evaluated for this step (engine/train/optimizer)
  double lr, beta1, beta2, beta3, alpha, eps, weight_decay;
  std::int64_t step;
  UpdateOptions options = {};
};

namespace ops {

// y[n] = table[tokens[n]].   y [N, D]; table [V, D]; tokens i32 [N], each in [0, V) (checked).
void embedding_forward(Context&, Tensor y, Tensor table, Tensor tokens);
// dtable[v] += sum over n with tokens[n] == v of dy[n], in ascending n.   dtable S [V, D].
void embedding_backward(Context&, Tensor dtable, Tensor dy, Tensor tokens);

// y = x / rms(x) * w over the last dimension.  x, y [N, D]; w S [D]; inv_rms S [N] is kept for the backward.
//   rms(x) = sqrt(mean(x^2) + eps)                                          (Zhang & Sennrich 2019)
// With w [E] and x viewed as [N*H, E] this is also QK-norm. With amax, absolute_max(amax, y) is done on the way (8-bit products).
void rmsnorm_forward(Context&, Tensor y, Tensor inv_rms, Tensor x, Tensor w, double eps, Tensor amax = {});
//   dx = inv_rms * (w*dy - xhat * mean(w*dy*xhat)), or dx += with accumulate;  dw S += sum_n dy*xhat,  xhat = x * inv_rms
void rmsnorm_backward(Context&, Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor inv_rms, bool accumulate = false);
// Optional. sum = a + b and y = rmsnorm(sum): the residual connection with the norm after it. sum, a, b, y [N, D]; sum may be a
// or b. Its backward is rmsnorm_backward with accumulate.
void add_rmsnorm_forward(Context&, Tensor sum, Tensor y, Tensor inv_rms, Tensor a, Tensor b, Tensor w, double eps,
                         Tensor amax = {});

// c = op(a) op(b), or c += with accumulate.  op(a) [M, K], op(b) [K, N], c [M, N]; c is of type A or S (gradients of weights).
// Rows may lie apart (strides[0] > columns).
// A linear layer y = x W^T with W [out, in] is matmul(y, x, no, w, yes); its backward dx = dy W and dW += dy^T x.
void matmul(Context&, Tensor c, Tensor a, Transpose ta, Tensor b, Transpose tb, bool accumulate = false);

// y[n] += b: y [N, M]; b S [M].
void bias_forward(Context&, Tensor y, Tensor b);
// db += sum over n of dy[n], in blocks of rows that depend on the shape alone.   db S [M]; dy [N, M].
void bias_backward(Context&, Tensor db, Tensor dy);

// Rotates pairs (i, i + E/2) of each head by the angle positions[n] * frequency(i), half-split layout (spec/apertus.md §1.3).
// x, y [N, H, E] (y may be x); cos, sin S [P, E/2] tables from rope_table; positions i32 [N], each in [0, P) (checked).
void rope_forward(Context&, Tensor y, Tensor x, Tensor cos, Tensor sin, Tensor positions);
// The inverse rotation; dx may be dy.
void rope_backward(Context&, Tensor dx, Tensor dy, Tensor cos, Tensor sin, Tensor positions);

// Optional. QK-norm and rotation in one pass: y = rope(rmsnorm(x)) with the norm over E.  x, y [N, H, E]; w S [E]; inv_rms S
// [N*H].
void norm_rope_forward(Context&, Tensor y, Tensor inv_rms, Tensor x, Tensor w, double eps, Tensor cos, Tensor sin,
                       Tensor positions);
// dx overwritten, dw S +=; dy is overwritten too: what it holds afterwards is not said.
void norm_rope_backward(Context&, Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor inv_rms, Tensor cos, Tensor sin,
                        Tensor positions);

// Causal grouped-query attention inside documents.  q, o [B, T, H, E]; k, v [B, S, K, E], S >= T: query t stands at key position
// S - T + t. first_key i32 [B, T]: query t sees keys first_key[b, t] .. S - T + t (0 <= first_key[b, t] <= S - T + t).
// lse S [B, H, T] is kept for the backward: lse = log sum_j exp(scale * q.k_j). Query head h reads key/value head h / (H/K).
// q, k, v, o and their gradients may have strides in all dimensions but the last (a cache of more positions, fused projections).
//   o = sum_j softmax_j(scale * q.k_j) v_j,  scale > 0
// With A = bfloat16, probabilities and dS may be rounded to it where they enter a product.
// Work is in proportion to the pairs that see each other, by tiles: documents cost less than one long text.
void attention_forward(Context&, Tensor o, Tensor lse, Tensor q, Tensor k, Tensor v, Tensor first_key, double scale);
// For S == T; dq, dk, dv are overwritten:
//   P = exp(scale*q.k - lse), dP = do.v, dS = P * (dP - sum_j P*dP), dq = scale * dS k, dk = scale * dS^T q, dv = P^T do
void attention_backward(Context&, Tensor dq, Tensor dk, Tensor dv, Tensor d_o, Tensor q, Tensor k, Tensor v, Tensor o, Tensor lse,
                        Tensor first_key, double scale);

// y = xIELU(x) with raw scalars a_p, a_n S [1] (spec/apertus.md §1.4): alpha_p = softplus(a_p), alpha_n = 0.5 + softplus(a_n);
//   x > 0: alpha_p x^2 + x/2;   x <= 0: alpha_n (expm1(min(x, eps)) - x) + x/2,  eps = -1e-6.       x, y [N, F]
// With amax, absolute_max(amax, y) is done on the way.
void xielu_forward(Context&, Tensor y, Tensor x, Tensor a_p, Tensor a_n, Tensor amax = {});
// dx overwritten; da_p, da_n S [1] += . Where x is in (eps, 0] the clamp kills the exponential term, as autograd has it (at eps
// itself half of it passes). dx may be dy.
void xielu_backward(Context&, Tensor dx, Tensor da_p, Tensor da_n, Tensor dy, Tensor x, Tensor a_p, Tensor a_n);

// y = silu(gate) * up,  silu(x) = x sigmoid(x).   All of one shape; y may be gate or up.             (Shazeer 2020)
void swiglu_forward(Context&, Tensor y, Tensor gate, Tensor up);
//   dgate = dy * up * sigmoid(gate) * (1 + gate * (1 - sigmoid(gate))),  dup = dy * silu(gate).   dgate, dup may be gate, up.
void swiglu_backward(Context&, Tensor dgate, Tensor dup, Tensor dy, Tensor gate, Tensor up);

// y = max(x, 0)^2; y may be x.                                                                       (So et al. 2021)
void relu2_forward(Context&, Tensor y, Tensor x);
//   dx = 2 max(x, 0) dy; dx may be dy or x.
void relu2_backward(Context&, Tensor dx, Tensor dy, Tensor x);

// y = a + b elementwise; y may be a or b.
void add(Context&, Tensor y, Tensor a, Tensor b);
// y = factor * x; y may be x.
void scale(Context&, Tensor y, Tensor x, double factor);
// y = a x + b y, in place: momentum, Newton-Schulz, averages of weights.   y and x may differ in type (each A or S).
void axpby(Context&, Tensor y, Tensor x, double a, double b);
// y = x in y's float type, rounded to nearest even. Any two of the backend's float types.
void convert(Context&, Tensor y, Tensor x);

// Row n: loss[n] = weight[n] * (L - logits[n, target[n]] + z_loss * L^2) with L = logsumexp(logits[n]), and logits[n] becomes
// its gradient  weight[n] * ((1 + 2 z_loss L) softmax(logits[n]) - onehot(target[n]))  when `with_gradient`, else is left
// alone. z_loss pulls L towards 0 (Chowdhery et al. 2022, 1e-4 there); 0 = off.
// logits [N, V]; targets i32 [N] in [0, V) (checked where weight != 0: Error naming row and target); weights, losses S [N].
// Weight 0: loss 0, gradient 0.
void cross_entropy(Context&, Tensor losses, Tensor logits, Tensor targets, Tensor weights, bool with_gradient, double z_loss = 0);

// 8-bit products (spec/training.md §3.2): a tensor's numbers are divided by one scale and rounded to float8_e4m3 (kernels/fp8.h),
// products are computed from those, and multiplied by the scales of both sides.
//
// amax = max(amax, |x|) over all elements; NaN counts as larger than all numbers.   amax S [1]; x any shape.
void absolute_max(Context&, Tensor amax, Tensor x);
// y = x in float8_e4m3 units of `scale`: each x times 448 / amax, in float32, rounded; scale = amax / 448, or both 1 where amax
// is 0. amax may be that of x, or of an earlier step ("delayed": what is larger becomes 448). y fp8 [N, D], y_transposed fp8 [D,
// N], one of the two may be empty; x [N, D]; scale, amax S [1]. With next_amax, absolute_max(next_amax, x) is done on the way.
void quantize(Context&, Tensor y, Tensor y_transposed, Tensor scale, Tensor x, Tensor amax, Tensor next_amax = {});
// c = scale_a scale_b a b^T, or c += with accumulate.  a fp8 [M, K], b fp8 [N, K], c [M, N] f32, bf16 (f64 on ref); scales f32
// [1] (f64 where c is f64). On a GPU M, N and K are multiples of 16 (cuBLASLt).
void matmul_fp8(Context&, Tensor c, Tensor a, Tensor scale_a, Tensor b, Tensor scale_b, bool accumulate = false);

// Decoding, many sequences at once (spec/inference.md §2.7). Keys and values lie in pages: slot page * page_size + place.
//
// cache[slots[n]] = rows[n].   cache [P, W]; rows [N, W]; slots i32 [N] below P, each at most once (checked on the host); a
// negative one leaves its row out.
void cache_append(Context&, Tensor cache, Tensor rows, Tensor slots);
// The attention of one query a sequence, as attention_forward has it, over its first lengths[n] keys; 0 where there are none.
// q, o [N, H, E]; k, v [pages, page_size, K, E]; table i32 [N, L]: position p of sequence n lies in page table[n, p / page_size];
// lengths i32 [N], each at most L page_size.
// The bits of one sequence depend on its own keys alone, not on the batch or on where its pages lie: a GPU combines keys in
// stretches of kDecodeStretch positions, and those in ascending order.
void paged_attention(Context&, Tensor o, Tensor q, Tensor k, Tensor v, Tensor table, Tensor lengths, double scale);
inline constexpr std::int64_t kDecodeStretch = 256;

// A token for each row of logits, as engine/infer/sampling.h has it after penalties and biases:
//   rules f64 [N, 4]: temperature (0: the most likely token, lowest number first), top_p, top_k (0: all), min_p
//   draws i32 [N, 4]: seed, low and high word; number of the draw, low and high word
//   p_i ~ exp((logit_i - largest) / temperature) in double. Most likely first, lower number first among equals: the first top_k
//   are kept; of those, p_i >= min_p p_0; of those, the fewest whose sum reaches top_p of the sum of all. The token is the first
//   whose running sum exceeds Random(seed, "sample").uniform(draw) times the sum of the kept; without any of the three limits,
//   tokens are passed in the order of their numbers.
// A logit that is NaN counts as minus infinity.   tokens i32 [N]; logits [N, V].
void sample(Context&, Tensor tokens, Tensor logits, Tensor rules, Tensor draws);

// Sum of squares of all elements, in double, in an order given by the size alone.
double sum_of_squares(Context&, Tensor x);

// In place on p and the moments (all the same size): p, g S; each moment S or bfloat16. Decoupled weight decay. With `copy` (of
// any type, the same size) the new p is written there too, rounded to nearest even.
//   m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr (m/(1-b1^t) / (sqrt(v)/sqrt(1-b2^t) + eps) + wd p)
//                                                                           (Loshchilov & Hutter 2019)
// p moves by the moments as they are before they are stored. Moments in bfloat16 are rounded stochastically: to nearest, a slow
// average would stick, as each step moves it by less than half a unit. x becomes the upper half of (bits of x + r), r uniform in
// [0, 2^16): up with a probability in proportion to the distance. For moment k (0, 1, 2 in the order of the arguments) of element
// number e = first_element + index, with j = e mod 128,
//   r = half (j / 16 mod 2; 0 is the lower) of word j / 32 of philox4x32_10(counter, seed),
//   counter = (low, high word of e / 128 * 16 + j mod 16, k, step mod 2^32)
// so that draws depend on neither threads, ranks, instruction set nor how the elements are cut. Infinities and NaN are kept.
void adamw(Context&, Tensor p, Tensor m, Tensor v, Tensor g, const AdamWParams&, Tensor copy = {});
//   m1, v as above; m2 = b3 m2 + (1-b3) g; p -= lr ((m1/(1-b1^t) + alpha m2) / (sqrt(v)/sqrt(1-b2^t) + eps) + wd p)
//                                                                           (spec/apertus.md §3.1)
void ademamix(Context&, Tensor p, Tensor m1, Tensor m2, Tensor v, Tensor g, const AdEMAMixParams&, Tensor copy = {});

}  // namespace ops

// The backends of this build. Names: "ref" (the specification; f64, f32, bf16), "cpu" (f32, bf16).
const Backend& ref_backend();
const Backend& cpu_backend();
const Backend& backend_by_name(const std::string& name);  // throws Error (usage) naming the known ones

}  // namespace cairn
