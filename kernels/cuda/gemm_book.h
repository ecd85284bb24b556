// Which algorithm of cuBLASLt computes which product, written down, so that a resumed or repeated run computes with the same ones
// (spec/training.md §4.4). The heuristic is asked once a shape; its answer stays in the book, which a checkpoint keeps.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/json_fwd.h"

namespace cairn::cuda {

// A product up to what changes the choice: shapes, types, layout.
struct GemmKey {
  std::int64_t M = 0, N = 0, K = 0;  // of the row-major product c [M, N] = op(a) [M, K] op(b) [K, N]
  std::int64_t lda = 0, ldb = 0, ldc = 0;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  std::string type_ab, type_c;  // dtype_name
  auto operator<=>(const GemmKey&) const = default;
  std::string text() const;  // "4096x1344x256 nt bfloat16->float32 += ld 256 256 1344"
};

// The fields of cuBLASLt that name an algorithm completely.
struct GemmAlgorithm {
  std::int32_t id = 0, tile = 0, stages = 0, split_k = 1, reduction = 0, swizzle = 0, custom = 0;
  std::int32_t inner_shape = 0, cluster_shape = 0;
  bool operator==(const GemmAlgorithm&) const = default;
};

class GemmBook {
 public:
  // `device` and `library` name what the choices hold for: "NVIDIA H200", "13.1.0".
  GemmBook(std::string device, std::string library) : device_(std::move(device)), library_(std::move(library)) {}

  const GemmAlgorithm* find(const GemmKey& key) const;
  void add(const GemmKey& key, const GemmAlgorithm& algorithm);
  std::size_t size() const { return entries_.size(); }

  Json to_json() const;
  // Takes over the entries of a book made elsewhere when device and library are the same; else none, and says what differs: then
  // the run is no longer in the determinism class of the one that wrote it. Error when the text is no book.
  std::string take(const Json& json, const std::string& origin);

 private:
  std::string device_, library_;
  std::map<GemmKey, GemmAlgorithm> entries_;
};

}  // namespace cairn::cuda
