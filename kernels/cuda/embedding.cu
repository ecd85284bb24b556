// Rows of the embedding table, and the sum of their gradients (kernels/ops.h).
//
// The backward adds up the positions of each token in ascending order without atomics: positions are sorted by (token, position)
// with a stable counting of 8-bit digits, then one block sums each token's run. Tokens of a batch are few next to what the table
// holds, so the sort costs little beside the rows it moves.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kSortThreads = 1024;
constexpr int kDigits = 256;

template <typename A>
__global__ void forward_kernel(A* y, const A* table, const int* tokens, std::int64_t D) {
  const std::int64_t n = blockIdx.x;
  const A* row = table + static_cast<std::int64_t>(tokens[n]) * D;
  for (std::int64_t d = threadIdx.x * kEight; d < D; d += kThreads * kEight)
    store_eight(y + n * D + d, load_eight(row + d, D - d), D - d);
}

// One stable pass of a radix sort by bits [shift, shift + 8) of the token, one block. Thread t owns a contiguous range of the
// input; counts[digit][t] is scanned digit by digit, thread by thread, so equal digits keep their order.
__global__ void sort_kernel(int* order_out, const int* order_in, const int* tokens, int* counts, std::int64_t N, int shift) {
  const int t = static_cast<int>(threadIdx.x);
  const std::int64_t each = (N + kSortThreads - 1) / kSortThreads, begin = t * each, end = begin + each < N ? begin + each : N;
  for (int digit = 0; digit < kDigits; ++digit) counts[digit * kSortThreads + t] = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    const int position = order_in ? order_in[i] : static_cast<int>(i);
    ++counts[(tokens[position] >> shift & (kDigits - 1)) * kSortThreads + t];
  }
  __syncthreads();
  // Thread t scans a contiguous part of the table of counts, then adds what lies before its part.
  __shared__ int before[kSortThreads];
  const int part = kDigits;  // kDigits * kSortThreads counts over kSortThreads threads
  int sum = 0;
  for (int i = 0; i < part; ++i) {
    const int count = counts[t * part + i];
    counts[t * part + i] = sum;
    sum += count;
  }
  before[t] = sum;
  __syncthreads();
  if (t == 0) {
    int total = 0;
    for (int i = 0; i < kSortThreads; ++i) {
      const int count = before[i];
      before[i] = total;
      total += count;
    }
  }
  __syncthreads();
  for (int i = 0; i < part; ++i) counts[t * part + i] += before[t];
  __syncthreads();
  for (std::int64_t i = begin; i < end; ++i) {
    const int position = order_in ? order_in[i] : static_cast<int>(i);
    order_out[counts[(tokens[position] >> shift & (kDigits - 1)) * kSortThreads + t]++] = position;
  }
}

// Block i works when a run of equal tokens begins at place i of the order, and adds the whole run.
template <typename A>
__global__ void backward_kernel(float* dtable, const A* dy, const int* tokens, const int* order, std::int64_t N, std::int64_t D) {
  const std::int64_t i = blockIdx.x;
  const int token = tokens[order[i]];
  if (i > 0 && tokens[order[i - 1]] == token) return;
  float* row = dtable + token * D;
  for (std::int64_t d = threadIdx.x * kEight; d < D; d += kThreads * kEight) {
    Eight sum = load_eight(row + d, D - d);
    for (std::int64_t j = i; j < N && tokens[order[j]] == token; ++j) {
      const Eight more = load_eight(dy + order[j] * D + d, D - d);
      for (int k = 0; k < kEight; ++k) sum.at[k] += more.at[k];
    }
    store_eight(row + d, sum, D - d);
  }
}

}  // namespace

void embedding_forward(Context& ctx, const Tensor& y, const Tensor& table, const Tensor& tokens) {
  with_type(y, [&](auto type) {
    using A = decltype(type);
    launch(forward_kernel<A>, blocks_for(tokens.size(), 1), kThreads, 0, queue_of(ctx).stream(), y.as<A>(), table.as<A>(),
           tokens.as<int>(), table.shape[1]);
  });
}

void embedding_backward(Context& ctx, const Tensor& dtable, const Tensor& dy, const Tensor& tokens) {
  with_type(dy, [&](auto type) {
    using A = decltype(type);
    const Queue& queue = queue_of(ctx);
    const std::int64_t N = tokens.size(), V = dtable.shape[0], D = dtable.shape[1];
    int* counts = queue.scratch<int>(std::int64_t{kDigits} * kSortThreads + 2 * N);
    int* from = counts + kDigits * kSortThreads;
    int* to = from + N;
    const int* sorted = nullptr;
    for (int shift = 0; shift == 0 || V > std::int64_t{1} << shift; shift += 8) {
      launch(sort_kernel, 1, kSortThreads, 0, queue.stream(), to, sorted, tokens.as<int>(), counts, N, shift);
      sorted = to;
      to = from;
      from = const_cast<int*>(sorted);
    }
    launch(backward_kernel<A>, blocks_for(N, 1), kThreads, 0, queue.stream(), dtable.as<float>(), dy.as<A>(), tokens.as<int>(),
           sorted, N, D);
  });
}

}  // namespace cairn::cuda
