// The pre-tokenizers that find matches in a piece and cut there.
#include <unicode/uscript.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/library_classes.h"
#include "engine/text/pre_tokenizer_stage.h"
#include "engine/text/regex.h"
#include "engine/text/split_behavior.h"

namespace cairn::text {
namespace {

// Finds the matches in a piece; calls found(begin, end) for each, in order, never for an empty one.
template <typename Finder>
class SplitAt : public PreTokenizerStage {
 public:
  SplitAt(Finder finder, SplitBehavior behavior, bool invert = false)
      : finder_(std::move(finder)), behavior_(behavior), invert_(invert) {}

  bool split(std::string_view piece, bool, std::vector<std::string_view>& out, std::deque<std::string>&) const override {
    std::vector<SplitPart> parts;
    std::size_t done = 0;
    finder_(piece, [&](std::size_t begin, std::size_t end) {
      if (begin > done) parts.push_back({done, begin, invert_});
      parts.push_back({begin, end, !invert_});
      done = end;
    });
    if (done < piece.size()) parts.push_back({done, piece.size(), invert_});
    const std::size_t before = out.size();
    join_parts(parts, behavior_, piece, out);
    return out.size() > before && out[before].data() == piece.data();
  }

 private:
  Finder finder_;
  SplitBehavior behavior_;
  bool invert_;
};

template <typename Finder>
PreTokenizerStagePtr split_at(Finder finder, SplitBehavior behavior, bool invert = false) {
  return std::make_unique<SplitAt<Finder>>(std::move(finder), behavior, invert);
}

auto regex_finder(Regex regex) {
  return [regex = std::make_shared<const Regex>(std::move(regex))](std::string_view text, const auto& found) {
    std::size_t from = 0, begin = 0, end = 0;
    while (from <= text.size() && regex->find(text, from, begin, end)) {
      from = end;
      if (end > begin)
        found(begin, end);
      else  // an empty match: go on at the next character
        from += end < text.size() ? first_character_bytes(text.substr(end)) : 1;
    }
  };
}

auto literal_finder(std::string literal) {
  return [literal = std::move(literal)](std::string_view text, const auto& found) {
    for (std::size_t from = 0, begin = 0; !literal.empty(); from = begin + literal.size()) {
      begin = text.find(literal, from);
      if (begin == std::string_view::npos) return;
      found(begin, begin + literal.size());
    }
  };
}

// Each character for which `test` holds is a match of its own.
template <typename Test>
auto character_finder(Test test) {
  return [test](std::string_view text, const auto& found) {
    for_each_character(text, [&](char32_t point, std::size_t at, std::size_t bytes) {
      if (test(point)) found(at, at + bytes);
    });
  };
}

bool is_punctuation(char32_t point) {
  return library_class(point) & kPunctuation;
}
bool is_number(char32_t point) {
  return CharacterClasses::get().of(point) & kNumber;
}

// Spaces fall away, punctuation characters stand alone.
class BertPreTokenizer : public PreTokenizerStage {
 public:
  bool split(std::string_view piece, bool, std::vector<std::string_view>& out, std::deque<std::string>&) const override {
    const std::size_t before = out.size();
    std::size_t begin = 0;
    const auto word_ends = [&](std::size_t end) {
      if (end > begin) out.push_back(piece.substr(begin, end - begin));
    };
    for_each_character(piece, [&](char32_t point, std::size_t at, std::size_t bytes) {
      if (is_white_space(point)) {
        word_ends(at);
      } else if (is_punctuation(point)) {
        word_ends(at);
        out.push_back(piece.substr(at, bytes));
      } else {
        return;
      }
      begin = at + bytes;
    });
    word_ends(piece.size());
    return out.size() > before && out[before].data() == piece.data();
  }
};

// Cuts where the script changes. Kana counts as Han; spaces belong to what stands before them, and those at the very start to
// nothing.
class UnicodeScripts : public PreTokenizerStage {
 public:
  bool split(std::string_view piece, bool, std::vector<std::string_view>& out, std::deque<std::string>&) const override {
    const std::size_t before = out.size();
    std::size_t begin = std::string_view::npos;
    int last = kNone;
    for_each_character(piece, [&](char32_t point, std::size_t at, std::size_t) {
      const int script = script_of(point);
      if (script == kAny) return;
      if (script != last) {
        if (begin != std::string_view::npos) out.push_back(piece.substr(begin, at - begin));
        begin = at;
      }
      last = script;
    });
    if (begin != std::string_view::npos) out.push_back(piece.substr(begin));
    return out.size() > before && out[before].data() == piece.data();
  }

 private:
  static constexpr int kNone = -1, kAny = -2;
  static int script_of(char32_t point) {
    if (point == 0x30FC) return USCRIPT_HAN;
    if (point == ' ') return kAny;
    UErrorCode error = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(static_cast<UChar32>(point), &error);
    if (script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA) return USCRIPT_HAN;
    return script == USCRIPT_UNKNOWN ? kAny : static_cast<int>(script);
  }
};

class FixedLength : public PreTokenizerStage {
 public:
  explicit FixedLength(std::size_t length) : length_(length) {}
  bool split(std::string_view piece, bool, std::vector<std::string_view>& out, std::deque<std::string>&) const override {
    std::size_t begin = 0, characters = 0;
    for_each_character(piece, [&](char32_t, std::size_t at, std::size_t) {
      if (characters++ % length_ != 0 || at == 0) return;
      out.push_back(piece.substr(begin, at - begin));
      begin = at;
    });
    out.push_back(piece.substr(begin));
    return true;
  }

 private:
  std::size_t length_;
};

PreTokenizerStagePtr pattern_split(const Json& json, const std::string& origin, std::vector<KnownPattern>& known) {
  const Json& pattern = object_field(json, "pattern", origin);
  const SplitBehavior behavior = split_behavior_named(string_field(json, "behavior", origin), origin);
  const bool invert = bool_field(json, "invert", origin, false);
  if (!pattern.contains("Regex"))
    return split_at(literal_finder(string_field(pattern, "String", origin + ".pattern")), behavior, invert);
  const std::string regex = string_field(pattern, "Regex", origin + ".pattern");
  // Every character is in some match of a known pattern, so what is between matches does not matter.
  const bool keeps_matches = behavior == SplitBehavior::isolated || (behavior == SplitBehavior::removed && invert);
  const auto recognised = recognise_pattern(regex);
  if (recognised && keeps_matches) {
    known.push_back(*recognised);
    return known_pattern_stage(*recognised);
  }
  return split_at(regex_finder(Regex(regex, origin + ".pattern.Regex")), behavior, invert);
}

// One character: a JSON string of one code point.
std::string character_field(const Json& json, const char* key, const std::string& origin) {
  std::string text = string_field(json, key, origin);
  if (text.empty() || first_character_bytes(text) != text.size())
    fail("{}.{}: expected one character, found \"{}\"", origin, key, text);
  return text;
}

}  // namespace

PreTokenizerStagePtr known_pattern_stage(const KnownPattern& pattern) {
  return split_at(
      [pattern](std::string_view text, const auto& found) {
        const std::uint8_t* classes = CharacterClasses::get().data();
        const char* end = text.data() + text.size();
        const char* number_end = nullptr;
        for (const char* p = text.data(); p < end;) {
          const char* next = next_piece(pattern, p, end, classes, number_end);
          found(static_cast<std::size_t>(p - text.data()), static_cast<std::size_t>(next - text.data()));
          p = next;
        }
      },
      SplitBehavior::isolated);
}

PreTokenizerStagePtr regex_stage(const std::string& regex, const std::string& origin) {
  return split_at(regex_finder(Regex(regex, origin)), SplitBehavior::isolated);
}

PreTokenizerStagePtr split_stage(const std::string& type, const Json& json, const std::string& origin,
                                 std::vector<KnownPattern>& known) {
  if (type == "Split") return pattern_split(json, origin, known);
  if (type == "Digits") {
    const bool individual = bool_field(json, "individual_digits", origin, false);
    return split_at(character_finder(is_number), individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type == "Punctuation") {
    const std::string behavior = optional_string_field(json, "behavior", origin);
    return split_at(character_finder(is_punctuation),
                    behavior.empty() ? SplitBehavior::isolated : split_behavior_named(behavior, origin));
  }
  if (type == "WhitespaceSplit") return split_at(character_finder(is_white_space), SplitBehavior::removed);
  if (type == "Whitespace") {
    // \w of Rust's regular expressions, which has the joiners too, unlike Oniguruma's.
    const std::string word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}";
    return split_at(regex_finder(Regex(fmt::format("[{0}]+|[^{0}\\s]+", word), origin)), SplitBehavior::removed, true);
  }
  if (type == "BertPreTokenizer") return std::make_unique<BertPreTokenizer>();
  if (type == "CharDelimiterSplit")
    return split_at(literal_finder(character_field(json, "delimiter", origin)), SplitBehavior::removed);
  if (type == "UnicodeScripts") return std::make_unique<UnicodeScripts>();
  if (type == "FixedLength") {
    const std::int32_t length = id_value(json.value("length", Json(5)), origin + ".length");
    if (length < 1) fail("{}.length: expected 1 or more", origin);
    return std::make_unique<FixedLength>(static_cast<std::size_t>(length));
  }
  return nullptr;
}

}  // namespace cairn::text
