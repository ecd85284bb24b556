#include "engine/infer/page_pool.h"

#include "base/error.h"

namespace cairn::infer {

PagePool::PagePool(const model::ModelConfig& config, Dtype dtype, std::int64_t pages, Memory* memory)
    : owners_(static_cast<std::size_t>(pages), 0) {
  for (std::int64_t page = pages - 1; page >= 0; --page) free_.push_back(static_cast<std::int32_t>(page));
  ArenaPlan plan;
  for (std::int64_t i = 0; i < 2 * config.layers; ++i) {
    plan.add("pages of keys or values", dtype, {pages, kPageTokens, config.kv_heads, config.head_width});
  }
  memory_ = Arena(plan, memory);
  for (std::int64_t i = 0; i < 2 * config.layers; ++i) (i % 2 == 0 ? cache_.k : cache_.v).push_back(memory_.tensor({i}));
}

std::int64_t PagePool::page_bytes(const model::ModelConfig& config, Dtype dtype) {
  return 2 * config.layers * kPageTokens * config.kv_heads * config.head_width * dtype_bytes(dtype);
}

std::int32_t PagePool::take() {
  if (free_.empty()) fail("all {} pages of keys and values are in use", pages());
  const std::int32_t page = free_.back();
  free_.pop_back();
  owners_[static_cast<std::size_t>(page)] = 1;
  return page;
}

void PagePool::share(std::int32_t page) {
  ++owners_[static_cast<std::size_t>(page)];
}

void PagePool::give_back(std::int32_t page) {
  if (--owners_[static_cast<std::size_t>(page)] == 0) free_.push_back(page);
}

void PagePool::copy_page(std::int32_t to, std::int32_t from) {
  for (const auto* side : {&cache_.k, &cache_.v}) {
    for (const Tensor& layer : *side) copy(layer.rows(to, to + 1), layer.rows(from, from + 1));
  }
}

}  // namespace cairn::infer
