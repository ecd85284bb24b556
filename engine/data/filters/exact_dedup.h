// exact_dedup: of documents with the same text (after the filters before it), or the same address, the first in order is kept.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/schema.h"
#include "engine/data/document.h"

namespace cairn::data {

struct ExactDedupParams {
  bool by_url = false;
};

using ExactKey = std::array<std::uint64_t, 2>;  // first half of the SHA-256: collisions do not happen

ExactKey exact_key(const Document& document, const ExactDedupParams& params);

struct ExactDuplicate {
  std::uint32_t document = 0;
  std::uint32_t kept = 0;
};
// In order of `document`. Documents that are out already (in[i] false) are skipped.
std::vector<ExactDuplicate> find_exact_duplicates(const std::vector<ExactKey>& keys, const std::vector<bool>& in);

Variant exact_dedup_variant();
ExactDedupParams exact_dedup_params(const Config& config);

}  // namespace cairn::data
