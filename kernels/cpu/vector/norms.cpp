// RMSNorm, alone, after a residual connection, and before a rotation.
//
// Rows are taken in groups: the sums of a group end in the lanes of one vector, so that the root and the division are done once
// for all, and sums over rows (dw) stay in registers. A group is read from memory once and lies in L1 or L2 for the second pass.
// The order of every sum depends on the shape alone.
#include "kernels/cpu/vector/norms.h"

#include "kernels/cpu/vector/simd.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

std::int64_t rows_in_group(std::int64_t D) {
  return D <= 1024 ? W : 4;
}

// Lane r: the sum over row r, where term(r, d, left, sum) adds the numbers from d on, `left` of them or W, to a sum.
template <typename Term>
CAIRN_INLINE Vec row_sums(std::int64_t rows, std::int64_t D, Term&& term) {
  Vec sums[W];
  for (int r = 0; r < W; ++r) sums[r] = splat(0.0f);
  for (std::int64_t r = 0; r < rows; ++r) {
    Vec even = splat(0.0f), odd = splat(0.0f);
    std::int64_t d = 0;
    for (; d + 2 * W <= D; d += 2 * W) {
      even = term(r, d, std::int64_t{W}, even);
      odd = term(r, d + W, std::int64_t{W}, odd);
    }
    for (; d < D; d += W) even = term(r, d, D - d, even);
    sums[r] = even + odd;
  }
  transpose(sums);
#pragma GCC unroll 4
  for (int width = W / 2; width >= 1; width /= 2) {
    for (int i = 0; i < width; ++i) sums[i] = sums[i] + sums[i + width];
  }
  return sums[0];
}

// 1 / rms of rows whose squares sum to `squares`.
CAIRN_INLINE Vec inverse_rms(Vec squares, std::int64_t D, float eps) {
  return splat(1.0f) / sqrt(fma(squares, splat(1.0f / static_cast<float>(D)), splat(eps)));
}

// y = x * inverse_rms * w of a group's rows.
template <typename A>
CAIRN_INLINE void write_normed(std::int64_t rows, std::int64_t D, A* y, const A* x, const float* inverse_rms, const float* w) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const Vec inverse = splat(inverse_rms[r]);
    for (std::int64_t d = 0; d < D; d += W) {
      write(y + r * D + d, read(x + r * D + d, D - d) * inverse * read(w + d, D - d), D - d);
    }
  }
}

// Calls group(first, rows) for the groups of n rows.
template <typename Group>
CAIRN_INLINE void each_group(std::int64_t n, std::int64_t D, Group&& group) {
  const std::int64_t most = rows_in_group(D);
  for (std::int64_t first = 0; first < n; first += most) group(first, n - first < most ? n - first : most);
}

// The rows of the rotary tables that the rows of a group use.
struct Angles {
  std::int64_t at[W];
  Angles(const std::int32_t* positions, std::int64_t H, std::int64_t half, std::int64_t first, std::int64_t rows) {
    std::int64_t token = first / H, head = first % H;
    for (std::int64_t r = 0; r < rows; ++r) {
      at[r] = positions[token] * half;
      if (++head == H) head = 0, ++token;
    }
  }
};

}  // namespace

template <typename A>
void NormOps<A>::rmsnorm_forward(std::int64_t n, std::int64_t D, A* y, float* inv_rms, const A* x, const float* w, float eps) {
  each_group(n, D, [&](std::int64_t first, std::int64_t rows) {
    const A* from = x + first * D;
    const Vec squares = row_sums(rows, D, [&](std::int64_t r, std::int64_t d, std::int64_t left, Vec sum) {
      const Vec v = read(from + r * D + d, left);
      return fma(v, v, sum);
    });
    store_first(inv_rms + first, inverse_rms(squares, D, eps), rows);
    write_normed(rows, D, y + first * D, from, inv_rms + first, w);
  });
}

template <typename A>
void NormOps<A>::add_rmsnorm_forward(std::int64_t n, std::int64_t D, A* sum, A* y, float* inv_rms, const A* a, const A* b,
                                     const float* w, float eps) {
  each_group(n, D, [&](std::int64_t first, std::int64_t rows) {
    A* total = sum + first * D;
    const Vec squares = row_sums(rows, D, [&](std::int64_t r, std::int64_t d, std::int64_t left, Vec squares_so_far) {
      const std::int64_t at = (first + r) * D + d;
      const Vec v = stored_as<A>(read(a + at, left) + read(b + at, left));  // the norm is of the sum as it is kept
      write(sum + at, v, left);
      return fma(v, v, squares_so_far);
    });
    store_first(inv_rms + first, inverse_rms(squares, D, eps), rows);
    write_normed(rows, D, y + first * D, total, inv_rms + first, w);
  });
}

template <typename A>
void NormOps<A>::rmsnorm_backward(std::int64_t n, std::int64_t D, A* dx, float* dw_piece, const A* dy, const A* x, const float* w,
                                  const float* inv_rms, bool accumulate) {
  for (std::int64_t d = 0; d < D; ++d) dw_piece[d] = 0;
  each_group(n, D, [&](std::int64_t first, std::int64_t rows) {
    const std::int64_t begin = first * D;
    const Vec dots = row_sums(rows, D, [&](std::int64_t r, std::int64_t d, std::int64_t left, Vec sum) {
      return fma(read(w + d, left) * read(dy + begin + r * D + d, left), read(x + begin + r * D + d, left), sum);
    });
    float mean[W];  // of w dy xhat
    store(mean, dots * load_first(inv_rms + first, rows) * splat(1.0f / static_cast<float>(D)));
    for (std::int64_t d = 0; d < D; d += W) {
      const std::int64_t left = D - d;
      const Vec weight = read(w + d, left);
      Vec dw = read(dw_piece + d, left);
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t at = begin + r * D + d;
        const Vec inverse = splat(inv_rms[first + r]), g = read(dy + at, left), xhat = read(x + at, left) * inverse;
        dw = fma(g, xhat, dw);
        const Vec gradient = inverse * (weight * g - xhat * splat(mean[r]));
        write(dx + at, accumulate ? read(dx + at, left) + gradient : gradient, left);
      }
      write(dw_piece + d, dw, left);
    }
  });
}

template <typename A>
void NormOps<A>::norm_rope_forward(std::int64_t n, std::int64_t H, std::int64_t E, A* y, float* inv_rms, const A* x,
                                   const float* w, float eps, const float* cos, const float* sin, const std::int32_t* positions) {
  const std::int64_t half = E / 2;
  each_group(n * H, E, [&](std::int64_t first, std::int64_t rows) {
    const A* from = x + first * E;
    A* to = y + first * E;
    const Vec squares = row_sums(rows, E, [&](std::int64_t r, std::int64_t d, std::int64_t left, Vec sum) {
      const Vec v = read(from + r * E + d, left);
      return fma(v, v, sum);
    });
    store_first(inv_rms + first, inverse_rms(squares, E, eps), rows);
    const Angles angles(positions, H, half, first, rows);
    for (std::int64_t i = 0; i < half; i += W) {
      const std::int64_t left = half - i;
      const Vec w1 = read(w + i, left), w2 = read(w + half + i, left);
      for (std::int64_t r = 0; r < rows; ++r) {
        const Vec inverse = splat(inv_rms[first + r]);
        const Vec c = read(cos + angles.at[r] + i, left), s = read(sin + angles.at[r] + i, left);
        const Vec one = read(from + r * E + i, left) * inverse * w1, two = read(from + r * E + half + i, left) * inverse * w2;
        write(to + r * E + i, one * c - two * s, left);
        write(to + r * E + half + i, fma(two, c, one * s), left);
      }
    }
  });
}

template <typename A>
void NormOps<A>::norm_rope_backward(std::int64_t n, std::int64_t H, std::int64_t E, A* dx, float* dw_piece, const A* dy,
                                    const A* x, const float* w, const float* inv_rms, const float* cos, const float* sin,
                                    const std::int32_t* positions) {
  const std::int64_t half = E / 2;
  for (std::int64_t e = 0; e < E; ++e) dw_piece[e] = 0;
  each_group(n * H, E, [&](std::int64_t first, std::int64_t rows) {
    const Angles angles(positions, H, half, first, rows);
    // dy of pairs i of row r, turned back.
    const auto turned = [&](std::int64_t r, std::int64_t i, std::int64_t left, Vec& one, Vec& two) {
      const A* g = dy + (first + r) * E + i;
      const Vec c = read(cos + angles.at[r] + i, left), s = read(sin + angles.at[r] + i, left);
      const Vec g1 = read(g, left), g2 = read(g + half, left);
      one = fma(g1, c, g2 * s);
      two = g2 * c - g1 * s;
    };
    const Vec dots = row_sums(rows, half, [&](std::int64_t r, std::int64_t i, std::int64_t left, Vec sum) {
      const A* from = x + (first + r) * E + i;
      Vec one, two;
      turned(r, i, left, one, two);
      sum = fma(read(w + i, left) * one, read(from, left), sum);
      return fma(read(w + half + i, left) * two, read(from + half, left), sum);
    });
    float mean[W];
    store(mean, dots * load_first(inv_rms + first, rows) * splat(1.0f / static_cast<float>(E)));
    for (std::int64_t i = 0; i < half; i += W) {
      const std::int64_t left = half - i;
      const Vec w1 = read(w + i, left), w2 = read(w + half + i, left);
      Vec dw1 = read(dw_piece + i, left), dw2 = read(dw_piece + half + i, left);
      for (std::int64_t r = 0; r < rows; ++r) {
        const A* from = x + (first + r) * E + i;
        A* to = dx + (first + r) * E + i;
        const Vec inverse = splat(inv_rms[first + r]), center = splat(mean[r]);
        const Vec x1 = read(from, left) * inverse, x2 = read(from + half, left) * inverse;
        Vec one, two;
        turned(r, i, left, one, two);
        dw1 = fma(one, x1, dw1);
        dw2 = fma(two, x2, dw2);
        write(to, inverse * (w1 * one - x1 * center), left);
        write(to + half, inverse * (w2 * two - x2 * center), left);
      }
      write(dw_piece + i, dw1, left);
      write(dw_piece + half + i, dw2, left);
    }
  });
}

template struct NormOps<float>;
template struct NormOps<Bf16>;

}  // namespace cairn::cpu::CAIRN_ISA
