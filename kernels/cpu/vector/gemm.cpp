// One block of a matrix product, packed.
//
// Why it is fast: B is packed in slices of kNr columns and as much depth and width as stays in L2; panels of kMr rows of A are
// packed once for each slice of the depth; then every multiply-add of the register tile (gemm_tile.h) finds both operands in L1
// or streaming from L2. C is touched once per slice, and asked for before it is needed, as are the rows of A that are packed
// next.
#include "kernels/cpu/vector/gemm.h"

#include "kernels/cpu/vector/gemm_pack.h"
#include "kernels/cpu/vector/gemm_tile.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

constexpr std::int64_t kDepth = 768;                    // most words of K that are summed in registers; slices are even
constexpr std::int64_t kBlockWords = 176 * 1024;        // packed B: 704 KB of a 1 MB L2
constexpr std::int64_t kPanel = (kMr + W - 1) / W * W;  // words between the depths of a panel of A: stores stay within lines
constexpr std::int64_t kPanels = 2;                     // panels of A packed at a time

std::int64_t round_up(std::int64_t size, std::int64_t unit) {
  return (size + unit - 1) / unit * unit;
}

// Words in a slice of K, a function of K alone: the order of every sum is given by the shape.
std::int64_t slice_depth(std::int64_t words) {
  const std::int64_t slices = (words + kDepth - 1) / kDepth;
  return slices == 0 ? 0 : round_up((words + slices - 1) / slices, 2);
}

std::int64_t block_columns(std::int64_t words) {
  return kBlockWords / (words * kNr) * kNr;
}

constexpr std::int64_t kRows = kPanels * kMr;

// Memory that will be read soon, brought into L2 a few lines at a time.
struct Ahead {
  const char* row = nullptr;
  std::int64_t stride = 0, rows = 0, bytes = 0, at = 0, lines_each = 0;

  Ahead() = default;
  Ahead(const void* first, std::int64_t stride_bytes, std::int64_t row_count, std::int64_t row_bytes, std::int64_t calls)
      : row(static_cast<const char*>(first)),
        stride(stride_bytes),
        rows(row_count),
        bytes(row_bytes),
        lines_each((row_count * (row_bytes / 64 + 1) + calls - 1) / calls) {}
  CAIRN_INLINE void touch() {
    for (std::int64_t line = 0; line < lines_each && rows > 0; ++line) {
      __builtin_prefetch(row + at, 0, 2);
      at += 64;
      if (at < bytes + 63) continue;
      at = 0, row += stride, --rows;
    }
  }
};

template <typename Kind, typename Out>
struct Product {
  using Number = typename Kind::Number;
  static constexpr std::int64_t kSize = sizeof(Number);

  const GemmBlock& g;
  const Number* a = static_cast<const Number*>(g.a);
  const Number* b = static_cast<const Number*>(g.b);
  Out* c = static_cast<Out*>(g.c);

  void pack_b(std::int64_t k0, std::int64_t depth, std::int64_t j0, std::int64_t columns, float* packed) const {
    if (!g.transposed_b) return pack_copied<Kind, kNr, kNr>(b + k0 * g.ldb + j0, g.ldb, columns, depth, packed);
    const std::int64_t words = words_of<Kind>(depth);
    for (std::int64_t j = 0; j < columns; j += kNr) {
      const std::int64_t width = columns - j < kNr ? columns - j : kNr;
      pack_transposed<Kind>(b + (j0 + j) * g.ldb + k0, g.ldb, width, depth, packed + j * words, kNr);
    }
  }

  // Rows [i0, end) of op(A) as panels of kMr rows, a word of each row beside the others; panels are kPanel words wide.
  void pack_a(std::int64_t k0, std::int64_t depth, std::int64_t i0, std::int64_t end, float* packed) const {
    if (g.transposed_a) return pack_copied<Kind, kMr, kPanel>(a + k0 * g.lda + i0, g.lda, end - i0, depth, packed);
    const std::int64_t words = words_of<Kind>(depth);
    for (std::int64_t i = i0; i < end; i += kMr, packed += words * kPanel) {
      pack_transposed<Kind>(a + i * g.lda + k0, g.lda, end - i < kMr ? end - i : kMr, depth, packed, kPanel);
    }
  }

  // What comes after rows [.., i0) of the slice at k0, in `calls` portions.
  Ahead ahead(std::int64_t k0, std::int64_t most_depth, std::int64_t i0, std::int64_t calls) const {
    if (i0 >= g.m) i0 = 0, k0 += most_depth;
    if (k0 >= g.k) return {};
    const std::int64_t depth = g.k - k0 < most_depth ? g.k - k0 : most_depth, rows = g.m - i0 < kRows ? g.m - i0 : kRows;
    if (g.transposed_a) return {a + k0 * g.lda + i0, g.lda * kSize, depth, rows * kSize, calls};
    return {a + i0 * g.lda + k0, g.lda * kSize, rows, depth * kSize, calls};
  }

  // Reading rows of A where they lie saves packing and costs addresses in the tile: it pays where few columns share the packing.
  // It can be done if words do not straddle numbers and the rows of a panel do not share the same sets of
  // L1.
  bool in_place(std::int64_t most_depth) const {
    if (g.transposed_a || g.n > 512 || kSize * Kind::kNumbers != sizeof(float) || Kind::kTogether != 1) return false;
    if (g.k % Kind::kNumbers != 0 || g.lda % Kind::kNumbers != 0 || reinterpret_cast<std::uintptr_t>(a) % sizeof(float) != 0)
      return false;
    return g.lda * kSize % 2048 != 0 || g.lda <= most_depth;
  }

  template <Layout layout>
  void compute(float* packed_b, float* packed_a) const {
    const std::int64_t most_words = slice_depth(words_of<Kind>(g.k)), most_depth = most_words * Kind::kNumbers;
    const std::int64_t most_columns = block_columns(most_words);
    const bool once = g.n <= most_columns;  // A is packed for one block of columns: what is done with may be overwritten
    for (std::int64_t k0 = 0; k0 < g.k; k0 += most_depth) {
      const std::int64_t depth = g.k - k0 < most_depth ? g.k - k0 : most_depth, words = words_of<Kind>(depth);
      const bool accumulate = g.accumulate || k0 > 0;
      for (std::int64_t j0 = 0; j0 < g.n; j0 += most_columns) {
        const std::int64_t columns = g.n - j0 < most_columns ? g.n - j0 : most_columns;
        pack_b(k0, depth, j0, columns, packed_b);
        for (std::int64_t i0 = 0; i0 < g.m; i0 += kRows) {
          const std::int64_t end = g.m - i0 < kRows ? g.m : i0 + kRows;
          Ahead next;
          float* panels = packed_a + (once ? 0 : i0 / kMr * kPanel * words);
          if (j0 == 0) {
            if (layout == Layout::columns_first) pack_a(k0, depth, i0, end, panels);
            next = ahead(k0, most_depth, end, (end - i0 + kMr - 1) / kMr * ((columns + kNr - 1) / kNr));
          }
          for (std::int64_t i = i0; i < end; i += kMr, panels += words * kPanel) {
            const std::int64_t rows = end - i < kMr ? end - i : kMr;
            const auto run = tile_of_rows<kNv, layout, Kind, Out>(rows);
            const float* from = layout == Layout::columns_first ? panels : reinterpret_cast<const float*>(a + i * g.lda + k0);
            const std::int64_t stride = layout == Layout::columns_first ? kPanel : g.lda / Kind::kNumbers;
            for (std::int64_t j = 0; j < columns; j += kNr) {
              const std::int64_t cols = columns - j < kNr ? columns - j : kNr;
              next.touch();
              run(words, from, stride, packed_b + j * words, kNr, c + i * g.ldc + j0 + j, g.ldc, cols, accumulate);
            }
          }
        }
      }
    }
  }

  void compute(float* scratch) const {
    float* packed_a = scratch + kBlockWords;
    if (in_place(slice_depth(words_of<Kind>(g.k)) * Kind::kNumbers)) return compute<Layout::rows_first>(scratch, packed_a);
    compute<Layout::columns_first>(scratch, packed_a);
  }
};

template <typename Kind>
std::int64_t packed_words(const GemmBlock& g) {
  const std::int64_t words = slice_depth(words_of<Kind>(g.k));
  if (words == 0) return 0;
  return kBlockWords + (g.n <= block_columns(words) && g.m > kRows ? kRows : round_up(g.m, kMr)) / kMr * kPanel * words;
}

// Sums that are not done in one slice wait as float32 until they are rounded, once.
template <typename Kind>
bool waits(const GemmBlock& g) {
  return g.bf16_c && words_of<Kind>(g.k) > kDepth;
}

template <typename Kind>
void multiply_narrow(const GemmBlock& g, float* scratch) {
  if (!g.bf16_c) return Product<Kind, float>{g}.compute(scratch);
  if (!waits<Kind>(g)) return Product<Kind, Bf16>{g}.compute(scratch);
  float* sums = scratch + round_up(packed_words<Kind>(g), 64);
  GemmBlock wide = g;
  wide.c = sums, wide.ldc = g.n, wide.accumulate = false, wide.bf16_c = false;
  Product<Kind, float>{wide}.compute(scratch);
  for (std::int64_t i = 0; i < g.m; ++i) {
    Bf16* row = static_cast<Bf16*>(g.c) + i * g.ldc;
    for (std::int64_t j = 0; j < g.n; j += W) {
      const Vec sum = read(sums + i * g.n + j, g.n - j);
      write(row + j, g.accumulate ? read(row + j, g.n - j) + sum : sum, g.n - j);
    }
  }
}

}  // namespace

std::int64_t gemm_scratch(const GemmBlock& g) {
  if (!g.bf16) return packed_words<Floats>(g);
  return round_up(packed_words<Narrow>(g), 64) + (waits<Narrow>(g) ? g.m * g.n : 0);
}

void gemm_block(const GemmBlock& g, float* scratch) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {
    if (g.accumulate) return;
    for (std::int64_t i = 0; i < g.m; ++i) {
      std::memset(static_cast<char*>(g.c) + i * g.ldc * (g.bf16_c ? 2 : 4), 0,
                  static_cast<std::size_t>(g.n * (g.bf16_c ? 2 : 4)));
    }
    return;
  }
  if (g.bf16) return multiply_narrow<Narrow>(g, scratch);
  Product<Floats, float>{g}.compute(scratch);
}

}  // namespace cairn::cpu::CAIRN_ISA
