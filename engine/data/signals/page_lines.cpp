#include "engine/data/signals/page_lines.h"

#include <algorithm>

#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::string_view kFields[] = {"x-robots-tag", "tdm-reservation", "tdm-policy", "content-signal", "content-usage"};
constexpr std::size_t kMostScanned = 64 << 10;  // bytes of a value that are looked at

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_directive(std::string_view word) {
  return std::any_of(signal_table().begin(), signal_table().end(), [word](const Signal& signal) {
    return signal.family == SignalFamily::robots &&
           std::find(signal.words.begin(), signal.words.end(), word) != signal.words.end();
  });
}

std::vector<std::string_view> words_of(std::string_view lower) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < lower.size();) {
    while (at < lower.size() && !is_word_character(lower[at])) ++at;
    std::size_t end = at;
    while (end < lower.size() && is_word_character(lower[end])) ++end;
    if (end > at) words.push_back(lower.substr(at, end - at));
    at = end;
  }
  return words;
}

// The words of the table in a long value, with what stands behind their '=': "ai-train=no".
std::string signal_words(std::string_view lower) {
  std::string found;
  for (const std::string_view word : words_of(lower)) {
    const bool known = std::any_of(signal_table().begin(), signal_table().end(), [word](const Signal& signal) {
      return std::find(signal.words.begin(), signal.words.end(), word) != signal.words.end() ||
             std::find(signal.parents.begin(), signal.parents.end(), word) != signal.parents.end();
    });
    if (!known || found.size() > kMostValue / 2) continue;
    const std::size_t begin = static_cast<std::size_t>(word.data() - lower.data());
    std::size_t end = begin + word.size();
    if (end < lower.size() && lower[end] == '=') {
      ++end;
      while (end < lower.size() && is_word_character(lower[end])) ++end;
    }
    found += (found.empty() ? "" : ", ") + std::string(lower.substr(begin, std::min<std::size_t>(end - begin, 64)));
  }
  return found;
}

bool has_directive(std::string_view lower) {
  const std::vector<std::string_view> words = words_of(lower);
  return std::any_of(words.begin(), words.end(), is_directive);
}

bool holds_only_directives(std::string_view lower) {
  constexpr std::string_view kOthers[] = {"all",          "index",       "follow", "nofollow", "nosnippet",
                                          "noimageindex", "notranslate", "noodp",  "noydir",   "indexifembedded"};
  if (lower.size() > kMostValue || lower.find("unavailable_after") != std::string_view::npos)
    return has_directive(lower) && lower.starts_with("unavailable_after");
  const std::vector<std::string_view> words = words_of(lower);
  // "none" alone is what other metas say too: <meta name="msapplication-config" content="none">.
  return std::any_of(words.begin(), words.end(), [](std::string_view word) { return word != "none" && is_directive(word); }) &&
         std::all_of(words.begin(), words.end(), [&](std::string_view word) {
           return is_directive(word) || std::find(std::begin(kOthers), std::end(kOthers), word) != std::end(kOthers);
         });
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_word_character(c) || c == '.'; });
}

}  // namespace

bool is_signal_field(std::string_view name) {
  return std::find(std::begin(kFields), std::end(kFields), name) != std::end(kFields);
}

std::string kept_value(std::string_view value) {
  value = strip(value.substr(0, kMostScanned));
  std::string text;
  if (value.size() > kMostValue) {
    const std::string words = signal_words(lower_case_ascii(value));
    text = (words.empty() ? std::string(value.substr(0, kMostValue - 6)) : words) + " [cut]";
  } else {
    text = value;
  }
  // Bytes that are no character, and at the cut the part of one, become U+FFFD.
  if (text::valid_utf8_prefix(text) != text.size()) text = text::utf8_lossy(text);
  if (text.size() > kMostValue) {
    std::size_t end = kMostValue;
    while ((text[end] & '\xc0') == '\x80') --end;
    text.resize(end);
  }
  for (char& c : text) {
    if (c == '|') c = '/';  // which separates lines
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

void PageLines::add(SignalPlace place, std::string name, std::string_view value) {
  if (lines_.size() < kMostLines) lines_.push_back({place, {}, std::move(name), kept_value(value)});
}

void PageLines::add_header(std::string_view name, std::string_view value) {
  const std::string lower = lower_case_ascii(name.substr(0, 64));
  if (is_signal_field(lower)) add(SignalPlace::header, lower, value);
}

void PageLines::add_meta(std::string_view name, std::string_view http_equiv, std::string_view content) {
  const std::string equivalent = lower_case_ascii(strip(http_equiv.substr(0, 64)));
  if (is_signal_field(equivalent)) return add(SignalPlace::meta, equivalent, content);
  const std::string lower = lower_case_ascii(strip(name.substr(0, 128)));
  if (lower == "tdm-reservation" || lower == "tdm-policy") return add(SignalPlace::meta, lower, content);
  if (!is_name(lower)) return;
  // Of the others what holds directives and nothing else, one of them a signal: an agent's name can be anything.
  const std::string value = lower_case_ascii(content.substr(0, kMostScanned));
  if (lower == "robots" ? has_directive(value) : holds_only_directives(value)) add(SignalPlace::meta, lower, content);
}

std::string PageLines::text() const {
  return join_signal_lines(lines_, "\n");
}

}  // namespace cairn::data
