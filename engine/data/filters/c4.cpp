#include "engine/data/filters/c4.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::string_view kPolicies[] = {"terms of use", "privacy policy", "cookie policy",
                                          "uses cookies", "use of cookies", "use cookies"};

struct LineWords {
  std::int64_t count = 0;
  std::int64_t longest = 0;  // characters
};

// Words between white space; in a line too short for a word of more than `max_length` characters only as far as `enough` of them.
LineWords count_white_space_words(std::string_view line, std::int64_t enough, std::int64_t max_length) {
  LineWords words;
  const bool any_length = max_length <= 0 || static_cast<std::int64_t>(line.size()) <= max_length;
  std::int64_t length_of_word = 0;
  for (std::size_t at = 0; at < line.size();) {
    int length;
    const bool space = character_bits(text::decode_valid(line.data() + at, length)) & kSpace;
    at += length;
    if (space) {
      length_of_word = 0;
      continue;
    }
    if (length_of_word++ == 0) {
      ++words.count;
      if (any_length && words.count >= enough) break;
    }
    words.longest = std::max(words.longest, length_of_word);
  }
  return words;
}

// Without [digits], [edit] and [citation needed]. Returns false, and leaves `out`, when there are none.
bool remove_citations(std::string_view line, std::string& out) {
  std::size_t at = line.find('[');
  if (at == std::string_view::npos) return false;
  out.clear();
  std::size_t copied = 0;
  for (; at != std::string_view::npos; at = line.find('[', at)) {
    std::size_t end = at + 1;
    for (const std::string_view word : {"edit]", "citation needed]"}) {
      if (line.substr(at + 1).starts_with(word)) end = at + 1 + word.size();
    }
    if (end == at + 1) {
      while (end < line.size() && line[end] >= '0' && line[end] <= '9') ++end;
      end = end < line.size() && line[end] == ']' ? end + 1 : at + 1;
    }
    if (end > at + 1) {
      out.append(line, copied, at - copied);
      copied = end;
    }
    at = end;
  }
  if (copied == 0) return false;
  out.append(line, copied);
  return true;
}

bool ends_a_sentence(std::string_view line) {
  return !line.empty() && std::string_view(".?!\"'").find(line.back()) != std::string_view::npos && !line.ends_with("...");
}

// Words that make a line or document suspect, each by two of its letters that seldom stand so far apart in other words.
struct Suspect {
  std::string_view word;
  std::size_t first, second;  // places of the two in the word
};
constexpr Suspect kSuspects[] = {
    {"lorem ipsum", 4, 7}, {"javascript", 0, 4}, {"terms of use", 3, 7}, {"privacy policy", 3, 8}, {"cookie", 0, 3}};

// Whether any of them occurs in `text`, whatever the case of its letters. Sixteen bytes at a time: nearly all texts have none.
bool has_suspect(std::string_view text) {
  using Bytes = unsigned char __attribute__((vector_size(16)));
  const auto matches = [&text](const Suspect& s, std::size_t at) {
    for (std::size_t i = 0; i < s.word.size(); ++i) {
      const char c = text[at + i];
      if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != s.word[i]) return false;
    }
    return true;
  };
  const auto load = [&text](std::size_t at) {
    Bytes bytes;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    return bytes | 0x20;
  };
  constexpr std::size_t kReach = 16 + 14;  // of a load behind the letter that is farthest from a word's beginning
  std::size_t at = 0;
  for (; at + kReach + 16 <= text.size(); at += 16) {
    Bytes found = {};
    for (const Suspect& s : kSuspects) {
      const auto first = static_cast<unsigned char>(s.word[s.first]), second = static_cast<unsigned char>(s.word[s.second]);
      found |= reinterpret_cast<Bytes>((load(at + s.first) == first) & (load(at + s.second) == second));
    }
    std::uint64_t halves[2];
    std::memcpy(halves, &found, sizeof halves);
    if ((halves[0] | halves[1]) == 0) continue;
    for (std::size_t i = at; i < at + 16; ++i) {
      for (const Suspect& s : kSuspects) {
        if (matches(s, i)) return true;
      }
    }
  }
  for (; at < text.size(); ++at) {
    for (const Suspect& s : kSuspects) {
      if (at + s.word.size() <= text.size() && matches(s, at)) return true;
    }
  }
  return false;
}

}  // namespace

Judgement C4Filter::judge(const Document&, TextAnalysis& analysis) const {
  const std::string_view text = analysis.text();
  std::string kept, without_citations;
  kept.reserve(text.size());
  std::int64_t sentences = 0, removed = 0;
  bool any = false;
  const bool suspect = has_suspect(text), bracket = text.find('{') != std::string_view::npos;
  TextAnalysis& reading = analysis.reading(params_.unspaced);
  std::vector<std::string_view> words_of_line;
  std::size_t word = 0;  // of the text, the first that is not before the line
  std::string lower;
  for (std::string_view line : split_lines(text)) {
    line = strip(line);
    const std::string_view whole = line;
    const LineWords counts =
        count_white_space_words(line, std::max<std::int64_t>(params_.min_words_per_line, 1), params_.max_word_length);
    const auto remove = [&removed, &counts] { removed += counts.count > 0; };
    if (params_.max_word_length > 0 && counts.longest > params_.max_word_length) {
      remove();
      continue;
    }
    if (params_.citations && remove_citations(line, without_citations)) line = without_citations;
    if ((params_.terminal_punctuation && !ends_a_sentence(line)) || counts.count < params_.min_words_per_line) {
      remove();
      continue;
    }
    if (suspect) lower = lower_case_ascii(line);
    if (suspect && params_.lorem_ipsum && lower.find("lorem ipsum") != std::string::npos)
      return drop("lorem_ipsum", "holds 'lorem ipsum'");
    if (suspect && params_.javascript && lower.find("javascript") != std::string::npos) {
      remove();
      continue;
    }
    if (bracket && params_.curly_bracket && line.find('{') != std::string_view::npos)
      return drop("curly_bracket", "holds a curly bracket");
    if (suspect && params_.policy && std::any_of(std::begin(kPolicies), std::end(kPolicies), [&lower](std::string_view policy) {
          return lower.find(policy) != std::string::npos;
        })) {
      remove();
      continue;
    }
    if (params_.min_sentences > 0) {
      // White space ends lines and words alike, so a line's words are words of the text, unless something was taken out of it.
      if (line.data() == whole.data() && line.size() == whole.size()) {
        const std::vector<std::string_view>& words = reading.words();
        while (word < words.size() && words[word].data() < line.data()) ++word;
        const std::size_t begin = word;
        while (word < words.size() && words[word].data() < line.data() + line.size()) ++word;
        sentences += count_sentences(std::span(reading.facts()).subspan(begin, word - begin));
      } else {
        words_of_line.clear();
        split_words(line, words_of_line, WordStyle::english, nullptr, params_.unspaced);
        sentences += count_sentences(words_of_line);
      }
    }
    if (any) kept += '\n';
    kept += line;
    any = true;
  }
  if (params_.min_sentences > 0) analysis.measured(0, static_cast<double>(sentences));
  if (params_.min_sentences > 0 && sentences < params_.min_sentences) {
    return drop("too_few_sentences", fmt::format("{} sentences left, at least {} wanted", sentences, params_.min_sentences));
  }
  const std::string_view result = strip(kept);
  if (result == text) return keep();
  const std::string what = removed > 0 ? fmt::format("{} {} removed", removed, removed == 1 ? "line" : "lines") : "lines trimmed";
  return edit("lines", what, std::string(result));
}

std::vector<Statistic> C4Filter::statistics() const {
  if (params_.min_sentences == 0) return {};
  return {{0,
           "sentences",
           "sentences left",
           Statistic::Scale::count,
           0,
           {static_cast<double>(params_.min_sentences)},
           {"too_few_sentences"}}};
}

Variant C4Filter::variant() {
  const C4Params d;
  return {"c4",
          {
              field("terminal_punctuation", boolean().def(d.terminal_punctuation), "drop lines that do not end in . ? ! \" or '"),
              field("citations", boolean().def(d.citations), "remove [12], [edit], [citation needed]"),
              field("lorem_ipsum", boolean().def(d.lorem_ipsum), "drop documents that hold 'lorem ipsum'"),
              field("javascript", boolean().def(d.javascript), "drop lines that hold 'javascript'"),
              field("curly_bracket", boolean().def(d.curly_bracket), "drop documents that hold '{'"),
              field("policy", boolean().def(d.policy), "drop lines about cookies, privacy policy and terms of use"),
              field("min_sentences", integer().min(0).def(d.min_sentences), "fewest sentences left; 0 = no test"),
              field("min_words_per_line", integer().min(0).def(d.min_words_per_line), "drop shorter lines; 0 = no test"),
              field("max_word_length", integer().min(0).def(d.max_word_length), "drop lines with a longer word; 0 = no test"),
              unspaced_field(),
          },
          "line and document rules of C4, as in datatrove"};
}

std::unique_ptr<Filter> C4Filter::make(const Config& config) {
  C4Params p;
  p.terminal_punctuation = config.boolean("terminal_punctuation");
  p.citations = config.boolean("citations");
  p.lorem_ipsum = config.boolean("lorem_ipsum");
  p.javascript = config.boolean("javascript");
  p.curly_bracket = config.boolean("curly_bracket");
  p.policy = config.boolean("policy");
  p.min_sentences = config.integer("min_sentences");
  p.min_words_per_line = config.integer("min_words_per_line");
  p.max_word_length = config.integer("max_word_length");
  p.unspaced = read_unspaced(config);
  return std::make_unique<C4Filter>(p);
}

}  // namespace cairn::data
