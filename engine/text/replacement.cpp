#include "engine/text/replacement.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/regex.h"

namespace cairn::text {

Replacement::Replacement(std::string literal, std::string content, std::string place)
    : literal_(std::move(literal)), content_(std::move(content)), place_(std::move(place)) {}
Replacement::~Replacement() = default;
Replacement::Replacement(Replacement&&) noexcept = default;

Replacement Replacement::read(const Json& json, const std::string& origin) {
  const Json& pattern = object_field(json, "pattern", origin);
  Replacement made("", string_field(json, "content", origin), origin);
  if (pattern.contains("Regex"))
    made.regex_ = std::make_unique<const Regex>(string_field(pattern, "Regex", origin + ".pattern"), origin + ".pattern.Regex");
  else
    made.literal_ = string_field(pattern, "String", origin + ".pattern");
  return made;
}

void Replacement::check_growth(std::size_t made, std::size_t bytes, std::string_view place) {
  if (made > most_bytes(bytes)) fail("{}: makes more than {} bytes of {}", place, most_bytes(bytes), bytes);
}

void Replacement::apply(std::string& text) const {
  if (!regex_ && literal_.empty()) return;
  std::string out;
  std::size_t done = 0, from = 0;
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
    check_growth(out.size(), text.size(), place_);
    done = end;
    from = end;
    if (end == begin) from += end < text.size() ? first_character_bytes(std::string_view(text).substr(end)) : 1;
  }
  if (done == 0 && out.empty()) return;
  out.append(text, done);
  text = std::move(out);
}

}  // namespace cairn::text
