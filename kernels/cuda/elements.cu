// Elementwise operations (kernels/ops.h), eight elements a thread. Each moves its inputs and outputs once.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 256;

__device__ float silu(float x, float sigmoid) {
  return x * sigmoid;
}
__device__ float sigmoid_of(float x) {
  return 1.0f / (1.0f + expf(-x));
}

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Scale {
  float factor;
  __device__ float operator()(float x) const { return factor * x; }
};
struct Axpby {
  float a, b;
  __device__ float operator()(float x, float y) const { return a * x + b * y; }
};
struct Copy {
  __device__ float operator()(float x) const { return x; }
};
struct Swiglu {
  __device__ float operator()(float gate, float up) const { return silu(gate, sigmoid_of(gate)) * up; }
};
struct Relu2 {
  __device__ float operator()(float x) const { return x <= 0 ? 0 : x * x; }  // what is no number stays none
};
struct Relu2Gradient {
  __device__ float operator()(float dy, float x) const { return (x <= 0 ? 0 : 2 * x) * dy; }
};

__device__ std::int64_t first_element() {
  return (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kEight;
}

template <typename Y, typename X, typename Function>
__global__ void map_kernel(Y* y, const X* x, std::int64_t size, Function function) {
  const std::int64_t begin = first_element(), count = size - begin;
  if (count <= 0) return;
  Eight values = load_eight(x + begin, count);
#pragma unroll
  for (int i = 0; i < kEight; ++i) values.at[i] = function(values.at[i]);
  store_eight(y + begin, values, count);
}

template <typename Y, typename A, typename B, typename Function>
__global__ void map2_kernel(Y* y, const A* a, const B* b, std::int64_t size, Function function) {
  const std::int64_t begin = first_element(), count = size - begin;
  if (count <= 0) return;
  Eight left = load_eight(a + begin, count);
  const Eight right = load_eight(b + begin, count);
#pragma unroll
  for (int i = 0; i < kEight; ++i) left.at[i] = function(left.at[i], right.at[i]);
  store_eight(y + begin, left, count);
}

template <typename A>
__global__ void swiglu_backward_kernel(A* dgate, A* dup, const A* dy, const A* gate, const A* up, std::int64_t size) {
  const std::int64_t begin = first_element(), count = size - begin;
  if (count <= 0) return;
  Eight g = load_eight(gate + begin, count), u = load_eight(up + begin, count);
  const Eight d = load_eight(dy + begin, count);
#pragma unroll
  for (int i = 0; i < kEight; ++i) {
    const float x = g.at[i], s = sigmoid_of(x);
    g.at[i] = d.at[i] * u.at[i] * s * (1 + x * (1 - s));
    u.at[i] = d.at[i] * silu(x, s);
  }
  store_eight(dgate + begin, g, count);
  store_eight(dup + begin, u, count);
}

template <typename Y, typename X, typename Function>
void map(Context& ctx, const Tensor& y, const Tensor& x, Function function) {
  launch(map_kernel<Y, X, Function>, blocks_for(y.size(), kThreads * kEight), kThreads, 0, queue_of(ctx).stream(), y.as<Y>(),
         x.as<X>(), y.size(), function);
}

template <typename Y, typename A, typename B, typename Function>
void map2(Context& ctx, const Tensor& y, const Tensor& a, const Tensor& b, Function function) {
  launch(map2_kernel<Y, A, B, Function>, blocks_for(y.size(), kThreads * kEight), kThreads, 0, queue_of(ctx).stream(), y.as<Y>(),
         a.as<A>(), b.as<B>(), y.size(), function);
}

}  // namespace

void add(Context& ctx, const Tensor& y, const Tensor& a, const Tensor& b) {
  with_type(y, [&](auto type) {
    using A = decltype(type);
    map2<A, A, A>(ctx, y, a, b, Add{});
  });
}

void scale(Context& ctx, const Tensor& y, const Tensor& x, double factor) {
  with_type(y, [&](auto type) {
    using A = decltype(type);
    map<A, A>(ctx, y, x, Scale{static_cast<float>(factor)});
  });
}

void axpby(Context& ctx, const Tensor& y, const Tensor& x, double a, double b) {
  with_type(y, [&](auto y_type) {
    with_type(x, [&](auto x_type) {
      using Y = decltype(y_type);
      using X = decltype(x_type);
      map2<Y, X, Y>(ctx, y, x, y, Axpby{static_cast<float>(a), static_cast<float>(b)});
    });
  });
}

void convert(Context& ctx, const Tensor& y, const Tensor& x) {
  with_type(y,
            [&](auto y_type) { with_type(x, [&](auto x_type) { map<decltype(y_type), decltype(x_type)>(ctx, y, x, Copy{}); }); });
}

void swiglu_forward(Context& ctx, const Tensor& y, const Tensor& gate, const Tensor& up) {
  with_type(y, [&](auto type) {
    using A = decltype(type);
    map2<A, A, A>(ctx, y, gate, up, Swiglu{});
  });
}

void swiglu_backward(Context& ctx, const Tensor& dgate, const Tensor& dup, const Tensor& dy, const Tensor& gate,
                     const Tensor& up) {
  with_type(dy, [&](auto type) {
    using A = decltype(type);
    launch(swiglu_backward_kernel<A>, blocks_for(dy.size(), kThreads * kEight), kThreads, 0, queue_of(ctx).stream(),
           dgate.as<A>(), dup.as<A>(), dy.as<A>(), gate.as<A>(), up.as<A>(), dy.size());
  });
}

void relu2_forward(Context& ctx, const Tensor& y, const Tensor& x) {
  with_type(y, [&](auto type) {
    using A = decltype(type);
    map<A, A>(ctx, y, x, Relu2{});
  });
}

void relu2_backward(Context& ctx, const Tensor& dx, const Tensor& dy, const Tensor& x) {
  with_type(dx, [&](auto type) {
    using A = decltype(type);
    map2<A, A, A>(ctx, dx, dy, x, Relu2Gradient{});
  });
}

}  // namespace cairn::cuda
