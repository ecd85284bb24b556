#include "engine/text/metaspace.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/pre_tokenizer_stage.h"

namespace cairn::text {
namespace {

class MetaspaceStage : public PreTokenizerStage {
 public:
  explicit MetaspaceStage(Metaspace metaspace) : metaspace_(std::move(metaspace)) {}

  bool split(std::string_view piece, bool at_start, std::vector<std::string_view>& out,
             std::deque<std::string>& store) const override {
    const std::string& mark = metaspace_.replacement;
    std::string changed;
    changed.reserve(piece.size() + mark.size());
    const bool prepend = metaspace_.prepend == PrependScheme::always || (metaspace_.prepend == PrependScheme::first && at_start);
    if (prepend && piece[0] != ' ' && piece.substr(0, mark.size()) != mark) changed += mark;
    for (const char c : piece) {
      if (c == ' ')
        changed += mark;
      else
        changed += c;
    }
    const std::string_view text = store.emplace_back(std::move(changed));
    if (!metaspace_.split) {
      out.push_back(text);
      return true;
    }
    // Each mark begins a piece.
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find(mark, begin + 1), text.size());
      out.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    return true;
  }

 private:
  Metaspace metaspace_;
};

}  // namespace

Metaspace Metaspace::read(const Json& json, const std::string& origin) {
  Metaspace made;
  made.replacement = string_field(json, "replacement", origin);
  if (made.replacement.empty() || first_character_bytes(made.replacement) != made.replacement.size())
    fail("{}.replacement: expected one character, found {}", origin, short_text(json["replacement"]));
  const std::string scheme = optional_string_field(json, "prepend_scheme", origin);
  if (scheme == "first")
    made.prepend = PrependScheme::first;
  else if (scheme == "never" || (scheme.empty() && !bool_field(json, "add_prefix_space", origin, true)))
    made.prepend = PrependScheme::never;
  else if (!scheme.empty() && scheme != "always")
    fail("{}.prepend_scheme: expected always, first or never, found {}", origin, short_text(scheme));
  made.split = bool_field(json, "split", origin, true);
  return made;
}

bool crosses_mark(std::string_view token, std::string_view mark) {
  for (std::size_t at = token.find(mark); at != std::string_view::npos; at = token.find(mark, at + mark.size())) {
    if (at > 0 && (at < mark.size() || token.substr(at - mark.size(), mark.size()) != mark)) return true;
  }
  return false;
}

PreTokenizerStagePtr metaspace_stage(const Json& json, const std::string& origin) {
  return std::make_unique<MetaspaceStage>(Metaspace::read(json, origin));
}

}  // namespace cairn::text
