#include "engine/text/pre_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/json_fields.h"
#include "engine/text/regex.h"
#include "engine/text/unicode.h"

namespace cairn::text {
namespace {

enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

Behavior behavior_named(const std::string& name, const std::string& origin) {
  // Both spellings occur: what the library writes, and what its Python side takes.
  if (name == "Removed" || name == "removed") return Behavior::removed;
  if (name == "Isolated" || name == "isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious" || name == "merged_with_previous") return Behavior::merged_with_previous;
  if (name == "MergedWithNext" || name == "merged_with_next") return Behavior::merged_with_next;
  if (name == "Contiguous" || name == "contiguous") return Behavior::contiguous;
  fail("{}.behavior: unknown behavior \"{}\"", origin, name);
}

struct Part {
  std::size_t begin, end;
  bool match;
};

// The parts of a split that are kept, joined as `behavior` says (tokenizers: NormalizedString::split).
void join(const std::vector<Part>& parts, Behavior behavior, std::string_view text, std::vector<std::string_view>& out) {
  std::vector<Part> joined;
  switch (behavior) {
    case Behavior::removed:
      for (const Part& part : parts) {
        if (!part.match) joined.push_back(part);
      }
      break;
    case Behavior::isolated:
      joined = parts;
      break;
    case Behavior::contiguous:
      for (const Part& part : parts) {
        if (!joined.empty() && joined.back().match == part.match)
          joined.back().end = part.end;
        else
          joined.push_back(part);
      }
      break;
    case Behavior::merged_with_previous: {
      bool previous_match = false;
      for (const Part& part : parts) {
        if (part.match && !previous_match && !joined.empty())
          joined.back().end = part.end;
        else
          joined.push_back(part);
        previous_match = part.match;
      }
      break;
    }
    case Behavior::merged_with_next: {
      bool previous_match = false;
      for (std::size_t i = parts.size(); i-- > 0;) {
        const Part& part = parts[i];
        if (part.match && !previous_match && !joined.empty())
          joined.back().begin = part.begin;
        else
          joined.push_back(part);
        previous_match = part.match;
      }
      std::reverse(joined.begin(), joined.end());
      break;
    }
  }
  for (const Part& part : joined) {
    if (part.end > part.begin) out.push_back(text.substr(part.begin, part.end - part.begin));
  }
}

}  // namespace

struct PreTokenizer::Stage {
  enum class Kind { pattern, regex, literal, digits, prefix_space } kind = Kind::pattern;
  KnownPattern pattern;
  std::optional<Regex> regex;
  std::string literal;
  Behavior behavior = Behavior::isolated;
  bool invert = false;

  void find_parts(std::string_view text, std::vector<Part>& parts) const;
};

void PreTokenizer::Stage::find_parts(std::string_view text, std::vector<Part>& parts) const {
  std::size_t done = 0;
  const auto found = [&](std::size_t begin, std::size_t end) {
    if (begin > done) parts.push_back({done, begin, invert});
    parts.push_back({begin, end, !invert});
    done = end;
  };
  const std::uint8_t first_byte_of_character = 0xC0;
  std::size_t from = 0, begin = 0, end = 0;
  switch (kind) {
    case Kind::regex:
      while (from <= text.size() && regex->find(text, from, begin, end)) {
        if (end > begin) {
          found(begin, end);
          from = end;
        } else {  // an empty match: go on at the next character
          from = end + 1;
          while (from < text.size() && (static_cast<std::uint8_t>(text[from]) & first_byte_of_character) == 0x80) ++from;
        }
      }
      break;
    case Kind::literal:
      while (!literal.empty() && (begin = text.find(literal, from)) != std::string_view::npos) {
        found(begin, begin + literal.size());
        from = begin + literal.size();
      }
      break;
    case Kind::digits: {
      const CharacterClasses& classes = CharacterClasses::get();
      for (int length; from < text.size(); from += static_cast<std::size_t>(length)) {
        const char32_t point = decode_valid(text.data() + from, length);
        if (classes.of(point) & kNumber) found(from, from + static_cast<std::size_t>(length));
      }
      break;
    }
    case Kind::pattern: {
      const std::uint8_t* classes = CharacterClasses::get().data();
      while (from < text.size()) {
        const char* next = next_piece(pattern, text.data() + from, text.data() + text.size(), classes);
        end = static_cast<std::size_t>(next - text.data());
        found(from, end);
        from = end;
      }
      break;
    }
    case Kind::prefix_space:
      break;
  }
  if (done < text.size()) parts.push_back({done, text.size(), invert});
}

struct PreTokenizer::ByteLevel {
  bool seen = false, add_prefix_space = false, use_regex = false;
};

void PreTokenizer::add(const Json& json, const std::string& origin, ByteLevel& byte_level) {
  const std::string type = string_field(json, "type", origin);
  if (type == "Sequence") {
    const Json& list = array_field(json, "pretokenizers", origin);
    for (std::size_t i = 0; i < list.size(); ++i) add(list[i], fmt::format("{}.pretokenizers[{}]", origin, i), byte_level);
    return;
  }
  if (byte_level.seen) fail("{}: {} after ByteLevel is not supported", origin, type);
  if (type == "ByteLevel") {
    byte_level = {.seen = true,
                  .add_prefix_space = bool_field(json, "add_prefix_space", origin, true),
                  .use_regex = bool_field(json, "use_regex", origin, true)};
  } else if (type == "Split") {
    Stage stage;
    const Json& pattern = object_field(json, "pattern", origin);
    if (pattern.contains("Regex")) {
      const std::string regex = string_field(pattern, "Regex", origin + ".pattern");
      stage.kind = Stage::Kind::regex;
      if (const auto known = recognise_pattern(regex)) stage.kind = Stage::Kind::pattern, stage.pattern = *known;
      stage.regex.emplace(regex, origin + ".pattern.Regex");
    } else {
      stage.kind = Stage::Kind::literal;
      stage.literal = string_field(pattern, "String", origin + ".pattern");
    }
    stage.behavior = behavior_named(string_field(json, "behavior", origin), origin);
    stage.invert = bool_field(json, "invert", origin, false);
    stages_.push_back(std::move(stage));
  } else if (type == "Digits") {
    Stage stage;
    stage.kind = Stage::Kind::digits;
    stage.behavior = bool_field(json, "individual_digits", origin, false) ? Behavior::isolated : Behavior::contiguous;
    stages_.push_back(std::move(stage));
  } else {
    fail("{}.type: pre-tokenizer \"{}\" is not supported (known: ByteLevel, Split, Digits, Sequence)", origin, type);
  }
}

PreTokenizer::PreTokenizer(const Json& json, std::string_view origin) {
  const std::string place(origin);
  if (!json.is_object()) fail("{}: expected an object with a ByteLevel pre-tokenizer, found {}", place, json.type_name());
  ByteLevel byte_level;
  add(json, place, byte_level);
  if (!byte_level.seen) fail("{}: expected ByteLevel as the last pre-tokenizer; only byte-level tokenizers are supported", place);
  if (byte_level.add_prefix_space) {
    Stage prefix;
    prefix.kind = Stage::Kind::prefix_space;
    stages_.push_back(std::move(prefix));
  }
  if (byte_level.use_regex) {
    Stage gpt2;
    gpt2.regex.emplace(pattern_regex({}), place);
    stages_.push_back(std::move(gpt2));
  }
  if (stages_.size() == 1 && stages_[0].kind == Stage::Kind::pattern) {
    // Every character is in a match, so keeping the matches is the same as isolating them.
    const bool keeps_matches =
        stages_[0].behavior == Behavior::isolated || (stages_[0].behavior == Behavior::removed && stages_[0].invert);
    if (keeps_matches) known_ = stages_[0].pattern;
  }
}

PreTokenizer::PreTokenizer(const KnownPattern& pattern) : known_(pattern) {
  Stage stage;
  stage.pattern = pattern;
  stage.regex.emplace(pattern_regex(pattern), "pattern");
  stages_.push_back(std::move(stage));
}

PreTokenizer::~PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;

void PreTokenizer::forget_known() {
  known_.reset();
  for (Stage& stage : stages_) {
    if (stage.kind == Stage::Kind::pattern) stage.kind = Stage::Kind::regex;
  }
}

void PreTokenizer::split(std::string_view text, std::vector<std::string_view>& pieces, std::deque<std::string>& store) const {
  pieces.assign(1, text);
  if (text.empty()) pieces.clear();
  std::vector<std::string_view> next;
  std::vector<Part> parts;
  for (const Stage& stage : stages_) {
    next.clear();
    for (const std::string_view piece : pieces) {
      if (stage.kind == Stage::Kind::prefix_space) {
        next.push_back(piece[0] == ' ' ? piece : std::string_view(store.emplace_back(" " + std::string(piece))));
        continue;
      }
      parts.clear();
      stage.find_parts(piece, parts);
      join(parts, stage.behavior, piece, next);
    }
    pieces.swap(next);
  }
}

}  // namespace cairn::text
