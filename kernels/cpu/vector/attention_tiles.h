// What the tiled passes of attention share: which keys a block of queries sees, and packing for the register tile.
#pragma once

#include "kernels/cpu/vector/gemm_tile.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

// How numbers of type A are multiplied: float32, or bfloat16 in pairs where the processor can.
template <typename A>
struct KindOf {
  using Type = Floats;
};
template <>
struct KindOf<Bf16> {
  using Type = NarrowWords;
};

constexpr std::int64_t kQueries = kNr;   // in a block
constexpr std::int64_t kKeys = 8 * kMr;  // in a block, which begins at a multiple of kMr
constexpr float kMasked = -1e30f;
constexpr float kLog2e = 1.44269504088896341f;
static_assert(kMr % 2 == 0);  // pairs of keys do not cross blocks

CAIRN_INLINE std::int64_t round_up(std::int64_t size, std::int64_t unit) {
  return (size + unit - 1) / unit * unit;
}

// Which keys the queries of a block see, per lane and together. Lanes without a query see everything.
struct Visible {
  float first[kQueries], last[kQueries];
  std::int64_t least_first, most_first, least_last, most_last;

  Visible(const std::int32_t* first_key, std::int64_t offset, std::int64_t query, std::int64_t queries) {
    const std::int32_t* key = first_key + query;
    const std::int32_t last_key = static_cast<std::int32_t>(offset + query);
    std::int32_t least = key[0], most = key[0];
    for (std::int64_t i = 0; i < queries; ++i) {
      least = key[i] < least ? key[i] : least;
      most = key[i] > most ? key[i] : most;
      first[i] = static_cast<float>(key[i]);
      last[i] = static_cast<float>(last_key + static_cast<std::int32_t>(i));
    }
    for (std::int64_t i = queries; i < kQueries; ++i) first[i] = 0, last[i] = 1e30f;
    least_first = least;
    most_first = most;
    least_last = offset + query;
    most_last = offset + query + queries - 1;
  }
  bool all(std::int64_t begin, std::int64_t end) const { return begin >= most_first && end - 1 <= least_last; }
  CAIRN_INLINE Mask at(std::int64_t key, int j) const {
    const Vec k = splat(static_cast<float>(key));
    return both(greater_equal(k, load(first + j * W)), greater_equal(load(last + j * W), k));
  }
};

// Where the first block of keys of queries [begin, end) begins.
CAIRN_INLINE std::int64_t first_block(const std::int32_t* first_key, std::int64_t begin, std::int64_t end) {
  std::int64_t least = first_key[begin];
  for (std::int64_t t = begin; t < end; ++t) least = first_key[t] < least ? first_key[t] : least;
  return least / kMr * kMr;
}

// Rows [begin, end) of a head as panels of kMr rows; begin is a multiple of kMr. Panel of row r: packed + (r - begin) * words.
template <typename Kind>
void pack_panels(const typename Kind::Number* rows, std::int64_t stride, std::int64_t begin, std::int64_t end, std::int64_t E,
                 float* packed) {
  const std::int64_t words = words_of<Kind>(E);
  for (std::int64_t r = begin; r < end; r += kMr) {
    pack_transposed<Kind>(rows + r * stride, stride, end - r < kMr ? end - r : kMr, E, packed + (r - begin) * words, kMr);
  }
}

// Words along the rows of a head, [words][E], from row `begin` on: where a word holds one float32, the rows as they lie.
struct AlongRows {
  const float* words;
  std::int64_t stride;
};
template <typename Kind>
AlongRows along_rows(const typename Kind::Number* rows, std::int64_t stride, std::int64_t begin, std::int64_t end, std::int64_t E,
                     float* packed) {
  if constexpr (sizeof(typename Kind::Number) == sizeof(float)) {
    return {rows + begin * stride, stride};
  } else {
    pack_copied<Kind>(rows + begin * stride, stride, E, end - begin, packed, E);
    return {packed, E};
  }
}

// out [keys, kQueries] = panels [keys, E] queries [E, kQueries].
template <typename Kind>
void scores(std::int64_t keys, std::int64_t E, const float* panels, const float* queries, float* out) {
  const std::int64_t words = words_of<Kind>(E);
  for (std::int64_t r = 0; r < keys; r += kMr) {
    const std::int64_t rows = keys - r < kMr ? keys - r : kMr;
    tile_of_rows<kNv, Layout::columns_first, Kind>(rows)(words, panels + r * words, kMr, queries, kQueries, out + r * kQueries,
                                                         kQueries, kQueries, false);
  }
}

// [E, kQueries] transposed into the rows of `queries` queries, each lane times factor[lane].
template <typename A>
void store_transposed(const float* from, const float* factor, std::int64_t queries, std::int64_t E, A* to, std::int64_t stride) {
  for (std::int64_t first = 0; first < queries; first += W) {
    const Vec by = load(factor + first);
    for (std::int64_t e = 0; e < E; e += W) {
      Vec rows[W];
      for (int i = 0; i < W; ++i) rows[i] = e + i < E ? load(from + (e + i) * kQueries + first) * by : splat(0.0f);
      transpose(rows);
      for (int i = 0; i < W && first + i < queries; ++i) write(to + (first + i) * stride + e, rows[i], E - e);
    }
  }
}

}  // namespace
}  // namespace cairn::cpu::CAIRN_ISA
