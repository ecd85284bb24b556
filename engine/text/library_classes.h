// Character classes as the `tokenizers` library has them for some of its normalizers and pre-tokenizers (make_library_classes.py):
// they follow an older Unicode than its regular expressions do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace cairn::text {

enum LibraryClass : std::uint8_t {
  kPunctuation = 1,     // what Punctuation and BertPreTokenizer cut at: ASCII punctuation and P
  kBertAccent = 2,      // Mn: what BertNormalizer's strip_accents removes after NFD
  kCombiningMark = 4,   // M: what StripAccents removes
  kBertControl = 8,     // what BertNormalizer's clean_text removes
};

// Runs of equal class: first code point << 8 | class.
extern const std::uint32_t kLibraryRuns[];
extern const std::size_t kLibraryRunCount;

inline std::uint8_t library_class(char32_t point) {
  const std::uint32_t key = static_cast<std::uint32_t>(point) << 8 | 0xFF;
  const std::uint32_t* after = std::upper_bound(kLibraryRuns, kLibraryRuns + kLibraryRunCount, key);
  return static_cast<std::uint8_t>(after[-1]);
}

}  // namespace cairn::text
