#include "engine/text/replacement.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/regex.h"

namespace cairn::text {

Replacement::Replacement(std::string literal, std::string content) : literal_(std::move(literal)), content_(std::move(content)) {}
Replacement::~Replacement() = default;
Replacement::Replacement(Replacement&&) noexcept = default;

Replacement Replacement::read(const Json& json, const std::string& origin) {
  const Json& pattern = object_field(json, "pattern", origin);
  Replacement made("", string_field(json, "content", origin));
  if (pattern.contains("Regex"))
    made.regex_ = std::make_unique<const Regex>(string_field(pattern, "Regex", origin + ".pattern"), origin + ".pattern.Regex");
  else
    made.literal_ = string_field(pattern, "String", origin + ".pattern");
  return made;
}

void Replacement::apply(std::string& text) const {
  if (!regex_ && literal_.empty()) return;
  std::string out;
  std::size_t done = 0, from = 0;
  const std::size_t most = most_bytes(text.size());
  while (from <= text.size()) {
    std::size_t begin = 0, end = 0;
    if (regex_) {
      if (!regex_->find(text, from, begin, end)) break;
    } else {
      begin = text.find(literal_, from);
      if (begin == std::string::npos) break;
      end = begin + literal_.size();
    }
    out.append(text, done, begin - done).append(content_);
    if (out.size() > most) fail("Replace makes more than {} bytes of {}", most, text.size());
    done = end;
    from = end;
    if (end == begin) from += end < text.size() ? first_character_bytes(std::string_view(text).substr(end)) : 1;
  }
  if (done == 0 && out.empty()) return;
  out.append(text, done);
  text = std::move(out);
}

}  // namespace cairn::text
