// A key of 128 bits that stands for a text when texts are compared for being the same: the first half of its SHA-256, so that
// different texts do not meet, not even on purpose.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::data {

struct TextKey {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const TextKey&) const = default;
};

TextKey text_key(std::string_view text);

// A document that has a key, for sorting documents by their keys.
struct KeyedDocument {
  TextKey key;
  std::uint64_t document = 0;
  auto operator<=>(const KeyedDocument&) const = default;
};

}  // namespace cairn::data
