// A token for each row of logits (kernels/ops.h). A block a row, and no sort: weights fall with the logit, so every limit is the
// smallest set of most likely tokens that reaches a count or a sum, and its last logit is found bit by bit, 32 sums over the row
// each. Among equal logits, which weigh the same, lower numbers come first. All in double, as on the host, in an order that the
// width of the row gives.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/philox.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/types.h"
#include "kernels/draws.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 1024;

// Floats in their order as unsigned numbers; zeros of both signs are one. NaN counts as the smallest: it is never drawn while
// there is a number.
__device__ inline unsigned ordered(float value) {
  if (value != value) return 0;
  const unsigned bits = __float_as_uint(value == 0 ? 0.0f : value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ inline float unordered(unsigned key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

// One row, as its block sees it.
template <typename A>
struct Row {
  const A* logits;
  int V;
  float highest;
  double temperature;
  double* reduce;  // shared memory for sums

  __device__ double weight_of(float logit) const {
    return logit != logit ? 0.0 : exp((static_cast<double>(logit) - highest) / temperature);
  }

  struct Mass {
    double count, weight;
  };
  // Of the tokens from `key` on up; the weight only where it is asked for. By the whole block.
  template <bool kWeighed>
  __device__ Mass from(unsigned key) const {
    double count = 0, weight = 0;
    for (int i = static_cast<int>(threadIdx.x); i < V; i += kThreads) {
      const float logit = to_float(logits[i]);
      if (ordered(logit) < key) continue;
      count += 1;
      if (kWeighed) weight += weight_of(logit);
    }
    count = block_sum(count, reduce);
    return {count, kWeighed ? block_sum(weight, reduce) : 0};
  }
  // The greatest key from which on up `enough` holds; 0 when it never does.
  template <bool kWeighed, typename Enough>
  __device__ unsigned last_key(Enough enough) const {
    unsigned key = 0;
    for (int bit = 31; bit >= 0; --bit) {
      const unsigned higher = key | 1u << bit;
      if (enough(from<kWeighed>(higher))) key = higher;
    }
    return key;
  }
  // Tokens above `key`.
  __device__ Mass above(unsigned key) const { return key == 0xffffffffu ? Mass{0, 0} : from<true>(key + 1); }
  // Number `which` (from 0, lower numbers first) of the tokens with this key.
  __device__ int equal_token(unsigned key, double which) const {
    int found = 0;
    for (int begin = 0; begin < V; begin += kThreads) {
      const int i = begin + static_cast<int>(threadIdx.x);
      const bool here = i < V && ordered(to_float(logits[i])) == key;
      const double some = block_sum(here ? 1.0 : 0.0, reduce);
      if (which < some) {
        // Its place in this piece: each thread counts those before it.
        double before = 0;
        for (int other = begin; other < i; ++other) before += ordered(to_float(logits[other < V ? other : V - 1])) == key ? 1 : 0;
        const double mine = here && before == which ? static_cast<double>(i) : 0.0;
        found = static_cast<int>(block_sum(mine, reduce));
        break;
      }
      which -= some;
    }
    return found;
  }
};

template <typename A>
__global__ void __launch_bounds__(kThreads)
    sample_kernel(int* tokens, const A* all_logits, const double* rules, const int* draws, int V) {
  __shared__ double reduce[kWarp];
  __shared__ double parts[kThreads];
  const std::int64_t n = blockIdx.x;
  const double temperature = rules[4 * n], top_p = rules[4 * n + 1], top_k = rules[4 * n + 2], min_p = rules[4 * n + 3];
  Row<A> row{all_logits + n * V, V, 0, temperature, reduce};

  unsigned highest = 0;
  for (int i = static_cast<int>(threadIdx.x); i < V; i += kThreads) {
    const unsigned key = ordered(to_float(row.logits[i]));
    highest = key > highest ? key : highest;
  }
  highest =
      static_cast<unsigned>(block_reduce(static_cast<double>(highest), reduce, 0.0, [](double each) { return warp_max(each); }));
  row.highest = unordered(highest);
  if (temperature == 0) {
    const int token = row.equal_token(highest, 0);
    if (threadIdx.x == 0) tokens[n] = token;
    return;
  }
  const auto* draw = reinterpret_cast<const unsigned*>(draws + 4 * n);
  const Philox words =
      philox4x32_10({draw[2], draw[3], static_cast<unsigned>(kSamplingPurpose), static_cast<unsigned>(kSamplingPurpose >> 32)},
                    draw[0], draw[1]);
  const double uniform =
      static_cast<double>((static_cast<std::uint64_t>(words.at[1]) << 32 | words.at[0]) >> 11) * 1.1102230246251565e-16;  // 2^-53

  const bool counted = top_k > 0 && top_k < V;
  if (!counted && top_p >= 1 && min_p <= 0) {  // in the order of their numbers: a thread sums a stretch of them
    const int each = (V + kThreads - 1) / kThreads, begin = static_cast<int>(threadIdx.x) * each;
    double sum = 0;
    for (int i = begin; i < begin + each && i < V; ++i) sum += row.weight_of(to_float(row.logits[i]));
    parts[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x != 0) return;
    double total = 0;
    for (int part = 0; part < kThreads; ++part) total += parts[part];
    double passed = 0;
    int part = 0;
    for (; part + 1 < kThreads && !(uniform * total < passed + parts[part]); ++part) passed += parts[part];
    int token = part * each < V ? part * each : V - 1;
    for (; token + 1 < V; ++token) {
      passed += row.weight_of(to_float(row.logits[token]));
      if (uniform * total < passed) break;
    }
    tokens[n] = token;
    return;
  }

  // The kept: all tokens above `key` and the first `equals` of those with it; their number and their sum.
  unsigned key = 0;
  double kept = V;
  const auto shorten = [&](double count) {
    kept = count;
    key = row.template last_key<false>([&](const auto& mass) { return mass.count >= count; });
  };
  shorten(counted ? top_k : V);
  if (min_p > 0) {
    double likely = 0;
    for (int i = static_cast<int>(threadIdx.x); i < V; i += kThreads)
      likely += row.weight_of(to_float(row.logits[i])) >= min_p ? 1 : 0;
    likely = block_sum(likely, reduce);
    if (likely < kept) shorten(likely > 1 ? likely : 1);
  }
  typename Row<A>::Mass above = row.above(key);
  double weight = row.weight_of(unordered(key)), total = above.weight + (kept - above.count) * weight;
  const auto find = [&](double sum, bool beyond) {  // where the sum from the most likely on reaches `sum`, or goes beyond it
    const unsigned last =
        row.template last_key<true>([&](const auto& mass) { return beyond ? mass.weight > sum : mass.weight >= sum; });
    if (last < key) return;  // the kept do not reach it
    key = last;
    above = row.above(key);
    weight = row.weight_of(unordered(key));
  };
  if (top_p < 1) {
    find(top_p * total, false);
    const double more = ceil((top_p * total - above.weight) / weight), most = kept - above.count;
    const double equals = more < 1 ? 1 : more < most ? more : most;
    kept = above.count + equals;
    total = above.weight + equals * weight;
  }
  find(uniform * total, true);
  const double more = floor((uniform * total - above.weight) / weight), most = kept - above.count - 1;
  const int token = row.equal_token(key, more < 0 ? 0 : more < most ? more : most);
  if (threadIdx.x == 0) tokens[n] = token;
}

}  // namespace

void sample(Context& ctx, const Tensor& tokens, const Tensor& logits, const Tensor& rules, const Tensor& draws) {
  with_type(logits, [&](auto type) {
    using A = decltype(type);
    if (logits.shape[0] == 0) return;
    launch(sample_kernel<A>, static_cast<unsigned>(logits.shape[0]), kThreads, 0, queue_of(ctx).stream(), tokens.as<int>(),
           logits.as<A>(), rules.as<double>(), draws.as<int>(), static_cast<int>(logits.shape[1]));
  });
}

}  // namespace cairn::cuda
