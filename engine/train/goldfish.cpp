#include "engine/train/goldfish.h"

#include <random>

#include "base/error.h"

namespace cairn::train {

namespace {

std::uint64_t widened(std::int32_t label) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(label));
}

}  // namespace

Goldfish::Goldfish(const GoldfishParams& params) : params_(params), table_(kTableSize) {
  if (params.k < 1 || params.h < 1) fail_usage("goldfish: k and h must be at least 1, found k={} and h={}", params.k, params.h);
  std::mt19937 generator(kTableSeed);  // the same initialisation and tempering as torch's CPU generator
  for (std::uint32_t& entry : table_) entry = static_cast<std::uint32_t>(generator()) & 0xFFFFFF;
}

bool Goldfish::drops_key(std::uint64_t key) const {
  // The key is a wrapped signed number; the remainder is the non-negative one.
  const std::int64_t remainder = static_cast<std::int64_t>(key) % kTableSize;
  const std::uint32_t entry = table_[static_cast<std::size_t>(remainder < 0 ? remainder + kTableSize : remainder)];
  // The reference compares float32 values: entry / 2^24 < 1/k.
  return static_cast<float>(entry) * 0x1p-24f < static_cast<float>(1.0 / static_cast<double>(params_.k));
}

bool Goldfish::drops(std::span<const std::int32_t> window) const {
  if (static_cast<std::int64_t>(window.size()) != params_.h)
    fail("goldfish: a window of {} labels, expected {}", window.size(), params_.h);
  std::uint64_t key = 1;
  for (const std::int32_t label : window) key *= widened(label);
  return drops_key(key);
}

void Goldfish::mask(std::span<const std::int32_t> labels, std::int32_t pad, std::span<float> weights) const {
  const auto h = static_cast<std::size_t>(params_.h);
  // A product over a sliding window cannot be updated by division in wrapping arithmetic (even factors), so it is formed anew:
  // h multiplications a label, negligible beside the model.
  for (std::size_t i = h - 1; i < labels.size(); ++i) {
    std::uint64_t key = 1;
    for (std::size_t j = i + 1 - h; j <= i; ++j) key *= labels[j] == pad && pad >= 0 ? 0 : widened(labels[j]);
    if (drops_key(key)) weights[i] = 0.0f;
  }
}

}  // namespace cairn::train
