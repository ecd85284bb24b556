#include "engine/data/sample_text.h"

#include <algorithm>

#include "engine/data/filters/pii.h"

namespace cairn::data {

namespace {

constexpr std::size_t kLongest = 256;  // bytes behind the cut in which an identifier may end

std::size_t character_at(std::string_view text, std::size_t at) {
  at = std::min(at, text.size());
  while (at > 0 && at < text.size() && (text[at] & '\xc0') == '\x80') --at;
  return at;
}

}  // namespace

std::string sample_text(std::string_view text, std::size_t bytes) {
  std::size_t end = character_at(text, bytes);
  std::vector<PiiSpan> spans = find_pii(text.substr(0, character_at(text, bytes + kLongest)), {});
  std::erase_if(spans, [end](const PiiSpan& span) { return span.begin >= end; });
  if (!spans.empty()) end = std::max(end, spans.back().end);
  return replace_pii(text.substr(0, end), spans);
}

}  // namespace cairn::data
