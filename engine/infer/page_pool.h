// Pages of keys and values of all layers, lent to sequences. A page may belong to several sequences that begin alike.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/paged.h"
#include "kernels/arena.h"

namespace cairn::infer {

class PagePool {
 public:
  static constexpr std::int64_t kPageTokens = 16;

  // Memory for all pages is taken now, in `dtype`.
  PagePool(const model::ModelConfig& config, Dtype dtype, std::int64_t pages, Memory* memory);

  static std::int64_t pages_for(std::int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }
  static std::int64_t page_bytes(const model::ModelConfig& config, Dtype dtype);
  std::int64_t pages() const { return static_cast<std::int64_t>(owners_.size()); }
  std::int64_t free() const { return static_cast<std::int64_t>(free_.size()); }

  // Error when none is free: who takes asks before.
  std::int32_t take();
  void share(std::int32_t page);      // one owner more
  void give_back(std::int32_t page);  // one owner less; free without any
  void copy_page(std::int32_t to, std::int32_t from);
  const model::PagedCache& cache() const { return cache_; }

 private:
  std::vector<int> owners_;
  std::vector<std::int32_t> free_;  // the last one is taken next
  Arena memory_;
  model::PagedCache cache_;
};

}  // namespace cairn::infer
