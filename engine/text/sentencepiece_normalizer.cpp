#include "engine/text/sentencepiece_normalizer.h"

#include <optional>

#include "base/error.h"
#include "engine/text/added_tokens.h"
#include "engine/text/characters.h"
#include "engine/text/charsmap.h"
#include "engine/text/metaspace.h"
#include "engine/text/replacement.h"

namespace cairn::text {
namespace {

class SentencePieceNormalizer : public Normalizer {
 public:
  SentencePieceNormalizer(const SentencePieceFile& file, const std::string& origin)
      : place_(origin + ": normalizer_spec"),
        prefix_(file.add_dummy_prefix),
        trim_(file.remove_extra_whitespaces),
        space_(file.escape_whitespaces ? kMetaspace : " ") {
    if (!file.charsmap.empty()) map_.emplace(file.charsmap, place_);
    std::vector<AddedToken> symbols;
    for (const SentencePieceFile::Piece& piece : file.pieces) {
      if (piece.type != SentencePieceFile::Type::user_defined) continue;
      symbols.emplace_back();
      symbols.back().content = piece.text;
    }
    symbols_ = AddedTokens(std::move(symbols));
  }

  void apply(std::string& text) const override {
    std::string out;
    std::vector<Segment> segments;
    symbols_.cut(text, false, segments);
    bool began = false, after_space = trim_;
    const auto begin = [&] {
      if (prefix_ && !began) out += space_;
      began = true;
    };
    const auto put = [&](std::string_view part) {
      if (after_space) {
        part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
        if (part.empty()) return;  // a space that follows one, or comes first
      }
      begin();
      for (const char c : part) {
        if (c == ' ')
          out += space_;
        else
          out += c;
      }
      if (!part.empty()) after_space = trim_ && part.back() == ' ';
    };
    for (const Segment& segment : segments) {
      if (segment.token >= 0) {
        put(segment.text);
        continue;
      }
      for (std::string_view rest = segment.text; !rest.empty();) {
        const auto match = map_ ? map_->longest(rest) : std::nullopt;
        const std::size_t bytes = match ? match->bytes : first_character_bytes(rest);
        put(match ? match->replacement : rest.substr(0, bytes));
        rest.remove_prefix(bytes);
        Replacement::check_growth(out.size(), text.size(), place_);
      }
    }
    while (trim_ && out.size() >= space_.size() && out.compare(out.size() - space_.size(), space_.size(), space_) == 0)
      out.resize(out.size() - space_.size());
    text = std::move(out);
  }

 private:
  std::optional<Charsmap> map_;
  AddedTokens symbols_;
  std::string place_;
  bool prefix_, trim_;
  std::string space_;
};

}  // namespace

NormalizerPtr sentencepiece_normalizer(const SentencePieceFile& file, const std::string& origin) {
  return std::make_unique<SentencePieceNormalizer>(file, origin);
}

}  // namespace cairn::text
