#include "engine/text/charsmap.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/normalizer.h"
#include "engine/text/replacement.h"

namespace cairn::text {
namespace {

constexpr std::size_t kMostTextBytes = 512;  // one character's; the longest of NFKC has 33

// Fields of a unit (Darts-clone).
std::uint32_t offset_of(std::uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200) >> 6);
}
std::uint32_t label_of(std::uint32_t unit) {
  return unit & 0x800000FF;
}
bool has_leaf(std::uint32_t unit) {
  return unit >> 8 & 1;
}

}  // namespace

Charsmap::Charsmap(std::string_view blob, std::string_view origin) : origin_(origin) {
  std::uint32_t trie_bytes = 0;
  if (blob.size() < 4) fail("{}: a character map of {} bytes; expected at least 4", origin_, blob.size());
  std::memcpy(&trie_bytes, blob.data(), 4);
  if (trie_bytes > blob.size() - 4 || trie_bytes % 4 != 0 || trie_bytes == 0) {
    fail("{}: the character map claims a trie of {} bytes, {} follow", origin_, trie_bytes, blob.size() - 4);
  }
  units_.resize(trie_bytes / 4);
  std::memcpy(units_.data(), blob.data() + 4, trie_bytes);
  texts_ = blob.substr(4 + trie_bytes);
  check_leaves();
}

void Charsmap::check_leaves() const {
  for (std::size_t at = 0; at < units_.size(); ++at) {
    const std::uint32_t unit = units_[at];
    if (!has_leaf(unit) || label_of(unit) > 0xFF) continue;
    const std::size_t leaf = at ^ offset_of(unit);
    if (leaf >= units_.size()) fail("{}: unit {} of the character map points to unit {} of {}", origin_, at, leaf, units_.size());
    const std::size_t begin = text_of(units_[leaf]);
    if (begin > texts_.size()) fail("{}: the character map points to text {} of {}", origin_, begin, texts_.size());
    const std::string_view text = text_at(begin);
    if (text.size() > kMostTextBytes)
      fail("{}: the character map's text {} has more than {} bytes", origin_, begin, kMostTextBytes);
    if (find_invalid_utf8(text) != std::string_view::npos) fail("{}: the character map's text {} is not UTF-8", origin_, begin);
  }
}

std::string_view Charsmap::text_at(std::size_t begin) const {
  const std::string_view rest = std::string_view(texts_).substr(begin, kMostTextBytes + 1);
  return rest.substr(0, rest.find('\0'));
}

std::optional<Charsmap::Match> Charsmap::find(std::string_view text, bool longest) const {
  std::optional<Match> found;
  std::size_t at = offset_of(units_[0]);
  for (std::size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    at ^= byte;
    if (at >= units_.size()) break;
    const std::uint32_t unit = units_[at];
    if (label_of(unit) != byte) break;
    at ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size()) break;
    const bool inside_character = i + 1 < text.size() && (static_cast<std::uint8_t>(text[i + 1]) & 0xC0) == 0x80;
    if (inside_character) continue;
    found = Match{i + 1, text_at(text_of(units_[at]))};
    if (!longest) break;
  }
  return found;
}

namespace {

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

// The `tokenizers` library's reading of such a map: a grapheme cluster of less than six bytes is looked up first, and if the map
// has any string that it begins with, that (the shortest) replaces the whole cluster; else its characters are looked up one by
// one.
class Precompiled : public Normalizer {
 public:
  Precompiled(Charsmap map, std::string place) : map_(std::move(map)), place_(std::move(place)) {}

  void apply(std::string& text) const override {
    static thread_local const std::unique_ptr<icu::BreakIterator> breaks = make_breaks();
    UErrorCode error = U_ZERO_ERROR;
    const std::unique_ptr<UText, CloseText> opened(
        utext_openUTF8(nullptr, text.data(), static_cast<std::int64_t>(text.size()), &error));
    breaks->setText(opened.get(), error);
    if (U_FAILURE(error)) fail("graphemes of a text of {} bytes: {}", text.size(), u_errorName(error));
    std::string out;
    std::int32_t begin = breaks->first();
    for (std::int32_t end = breaks->next(); end != icu::BreakIterator::DONE; begin = end, end = breaks->next()) {
      cluster(std::string_view(text).substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), out);
      Replacement::check_growth(out.size(), text.size(), place_);
    }
    text = std::move(out);
  }

 private:
  static std::unique_ptr<icu::BreakIterator> make_breaks() {
    UErrorCode error = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made(icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), error));
    if (U_FAILURE(error)) fail("ICU has no rules for grapheme clusters: {}", u_errorName(error));
    return made;
  }

  void cluster(std::string_view text, std::string& out) const {
    if (text.size() < 6) {
      if (const auto match = map_.shortest(text)) {
        out += match->replacement;
        return;
      }
    }
    for_each_character(text, [&](char32_t, std::size_t at, std::size_t bytes) {
      const std::string_view character = text.substr(at, bytes);
      const auto match = map_.shortest(character);
      out += match ? match->replacement : character;
    });
  }

  Charsmap map_;
  std::string place_;
};

}  // namespace

NormalizerPtr precompiled_normalizer(const Json& json, const std::string& origin) {
  const std::string place = origin + ".precompiled_charsmap";
  const auto found = json.find("precompiled_charsmap");
  if (found == json.end()) fail("{}: the key \"precompiled_charsmap\" is missing", origin);
  std::string blob;
  if (found->is_string()) {
    try {
      blob = base64_decode(found->get<std::string>());
    } catch (const Error& error) {
      fail("{}: {}", place, error.what());
    }
  } else {
    fail("{}: expected a base64 text", place);
  }
  return std::make_unique<Precompiled>(Charsmap(blob, place), place);
}

}  // namespace cairn::text
