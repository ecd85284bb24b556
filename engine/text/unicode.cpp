#include "engine/text/unicode.h"

#include <cstring>
#include <memory>

namespace cairn::text {
namespace {

// Bytes at the start of `text`, not empty and not a whole character, that some character begins with: what one replacement
// character stands for. At least 1.
std::size_t broken_prefix(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0}; };
  const std::uint8_t lead = byte(0);
  if (lead < 0xC2 || lead > 0xF4) return 1;
  const std::size_t need = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;   // bounds of the second byte: no overlong forms,
  std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // no surrogates, nothing above U+10FFFF
  std::size_t have = 1;
  while (have < need && byte(have) >= low && byte(have) <= high) low = 0x80, high = 0xBF, ++have;
  return have;
}

}  // namespace

CharacterClasses::CharacterClasses() {
  for (std::size_t i = 0; i < kClassRunCount; ++i) {
    const std::size_t first = kClassRuns[i] >> 8;
    const std::size_t end = i + 1 < kClassRunCount ? kClassRuns[i + 1] >> 8 : table_.size();
    std::memset(table_.data() + first, static_cast<int>(kClassRuns[i] & 0xFF), end - first);
  }
}

const CharacterClasses& CharacterClasses::get() {
  static const std::unique_ptr<const CharacterClasses> classes(new CharacterClasses);
  return *classes;
}

std::size_t unfinished_utf8_suffix(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t at = text.size() - back;
    if ((static_cast<std::uint8_t>(text[at]) & 0xC0) == 0x80) continue;  // a continuation byte: look further back
    const bool whole = decode_utf8(text, at).bytes > 0;
    const bool may_go_on = !whole && static_cast<std::uint8_t>(text[at]) >= 0xC2 && broken_prefix(text.substr(at)) == back;
    return may_go_on && static_cast<std::uint8_t>(text[at]) <= 0xF4 ? back : 0;
  }
  return 0;
}

std::string utf8_lossy(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    out.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) break;
    out.append("\xEF\xBF\xBD");
    text.remove_prefix(broken_prefix(text));
  }
  return out;
}

}  // namespace cairn::text
