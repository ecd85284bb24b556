#include "engine/data/thai_words.h"

#include <algorithm>
#include <set>

#include "base/disk.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

constexpr std::size_t kMostEdges = 50;                   // of words that are weighed against one another
constexpr std::size_t kScanBegin = 100, kScanEnd = 140;  // where a longer stretch is cut
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

bool is_consonant(char32_t c) {
  return c >= 0xE01 && c <= 0xE2E;
}
bool is_tone(char32_t c) {
  return c >= 0xE48 && c <= 0xE4B;
}
bool is_thai(char32_t c) {
  return c >= 0xE00 && c <= 0xE7F;
}
bool is_digit(char32_t c) {
  return character_bits(c) & kDecimal;
}
bool is_latin(char32_t c) {
  return c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Clusters, the first that fits counts: c a consonant, t a tone or nothing, k the silenced letters at an end or nothing, [] one
// of a set, ? behind what may be missing, > before a vowel that is written first, a consonant or the end. (Theeramunkong et al.
// 2000, "Character cluster based Thai information retrieval", with PyThaiNLP's amendments.)
constexpr std::u32string_view kClusters[] = {
    U"\u0E40c\u0E47ck",
    U"\u0E40cct\u0E32\u0E30k",
    U"\u0E40cc\u0E35t\u0E22\u0E30k",
    U"\u0E40cc\u0E35t\u0E22>k",
    U"\u0E40cc\u0E47ck",
    U"\u0E40c\u0E34c\u0E4Cck",
    U"\u0E40c\u0E34tck",
    U"\u0E40c\u0E35t\u0E22\u0E30?k",
    U"\u0E40c\u0E37t\u0E2D\u0E30?k",
    U"\u0E40c[\u0E34\u0E35\u0E38\u0E39]t\u0E22>k",
    U"\u0E40ct\u0E32?\u0E30?k",
    U"c\u0E31t\u0E27\u0E30k",
    U"c[\u0E31\u0E37]tc[\u0E38\u0E34\u0E30]?k",
    U"c[\u0E34\u0E38\u0E39]\u0E4C",
    U"c[\u0E30\u0E31\u0E32\u0E33\u0E34\u0E35\u0E36\u0E37\u0E38\u0E39]tk",
    U"c\u0E23\u0E23c\u0E4C",
    U"c\u0E47",
    U"ct[\u0E30\u0E32\u0E33]?k",
    U"ck",
    U"\u0E41c\u0E47c",
    U"\u0E41cc\u0E4C",
    U"\u0E41ct\u0E30",
    U"\u0E41cc\u0E47c",
    U"\u0E41ccc\u0E4C",
    U"\u0E42ct\u0E30",
    U"[\u0E40\u0E41\u0E42\u0E43\u0E44]ct",
    U"\u0E01\u0E47",
    U"\u0E2D\u0E36",
    U"\u0E2B\u0E36",
};

// Where a cluster of this form that begins at `at` ends; kNone: there is none. What may be missing is taken where it stands: no
// set shares a character with what comes behind it, so that there is nothing to try again.
template <typename Text>
std::size_t cluster_end(std::u32string_view form, const Text& text, std::size_t at) {
  const auto is = [&](std::size_t i, auto&& fits) { return i < text.size && fits(text[i]); };
  for (std::size_t i = 0; i < form.size();) {
    const char32_t item = form[i++];
    if (item == 't') {
      at += is(at, is_tone);
    } else if (item == 'k') {
      std::size_t end = at;
      if (!is(end, is_consonant)) continue;
      ++end;
      end += is(end, is_consonant);
      end += is(end, [](char32_t c) { return c == 0xE39 || c == 0xE38 || c == 0xE34; });
      if (is(end, [](char32_t c) { return c == 0xE4C; })) at = end + 1;
    } else if (item == '>') {
      const bool ends = at == text.size || (at + 1 == text.size && text[at] == '\n');
      if (!ends && !is_consonant(text[at]) && !(text[at] >= 0xE40 && text[at] <= 0xE44)) return kNone;
    } else {
      bool fits;
      if (item == 'c') {
        fits = is(at, is_consonant);
      } else if (item == '[') {
        const std::size_t end = form.find(U']', i);
        fits = at < text.size && form.substr(i, end - i).find(text[at]) != std::u32string_view::npos;
        i = end + 1;
      } else {
        fits = at < text.size && text[at] == item;
      }
      const bool may_be_missing = i < form.size() && form[i] == '?';
      i += may_be_missing;
      if (!fits && !may_be_missing) return kNone;
      at += fits;
    }
  }
  return at;
}

// By position: whether a cluster ends there.
template <typename Text>
std::vector<bool> cluster_breaks(const Text& text) {
  std::vector<bool> breaks(text.size + 1, false);
  for (std::size_t at = 0; at < text.size;) {
    std::size_t end = kNone;
    if (is_thai(text[at])) {
      for (const std::u32string_view form : kClusters) {
        if ((end = cluster_end(form, text, at)) != kNone) break;
      }
    }
    at = end == kNone ? at + 1 : end;
    breaks[at] = true;
  }
  return breaks;
}

// Where something ends at `at` that is not Thai: Latin letters, a number, blanks, a line's end, or other characters up to the
// next of these; kNone when there is nothing of the kind.
template <typename Text>
std::size_t other_end(const Text& text, std::size_t at) {
  const auto run = [&text](std::size_t from, auto&& fits) {
    while (from < text.size && fits(text[from])) ++from;
    return from;
  };
  if (const std::size_t end = run(at, is_latin); end > at) return end;
  if (std::size_t end = run(at, is_digit); end > at) {
    while (end + 1 < text.size && (text[end] == ',' || text[end] == '.') && is_digit(text[end + 1])) end = run(end + 1, is_digit);
    return end;
  }
  if (const std::size_t end = run(at, [](char32_t c) { return c == ' ' || c == '\t'; }); end > at) return end;
  if (at < text.size && text[at] == '\n') return at + 1;
  if (at + 1 < text.size && text[at] == '\r' && text[at + 1] == '\n') return at + 2;
  const auto other = [](char32_t c) { return !is_thai(c) && c != ' ' && c != '\t' && c != '\r' && c != '\n'; };
  const std::size_t end = run(at, other);
  return end > at ? end : kNone;
}

}  // namespace

ThaiWords::ThaiWords(const std::filesystem::path& file) : ThaiWords(read_file(file), file.string()) {}

ThaiWords::ThaiWords(std::string_view words, const std::string& name) {
  if (const std::size_t bad = find_invalid_utf8(words); bad != std::string::npos) fail("{}: byte {} is not UTF-8", name, bad);
  if (words.starts_with("\xef\xbb\xbf")) words.remove_prefix(3);
  for (const std::string_view line : split_lines(words)) {
    if (const std::string_view word = strip(line); !word.empty()) add(word);
  }
  if (next_.empty()) fail("{}: expected Thai words, one a line", name);
}

void ThaiWords::add(std::string_view word) {
  std::uint32_t node = 0;
  for (std::size_t at = 0; at < word.size();) {
    const CodePoint point = decode_utf8(word, at);
    at += static_cast<std::size_t>(point.bytes);
    const auto [next, fresh] =
        next_.try_emplace(std::uint64_t{node} << 21 | point.value, static_cast<std::uint32_t>(is_word_.size()));
    if (fresh) is_word_.push_back(false);
    node = next->second;
  }
  is_word_[node] = true;
}

template <typename Take>
void ThaiWords::for_each_prefix(Stretch text, std::size_t begin, Take&& take) const {
  std::uint32_t node = 0;
  for (std::size_t i = begin; i < text.size; ++i) {
    const auto next = next_.find(std::uint64_t{node} << 21 | text[i]);
    if (next == next_.end()) return;
    node = next->second;
    if (is_word_[node] && !take(i + 1 - begin)) return;
  }
}

// What stands at `begin`, which no word of the dictionary covers, goes on to the next place where one of more than two consonants
// begins, or something that is not Thai.
std::size_t ThaiWords::unknown_end(Stretch text, std::size_t begin, const std::vector<bool>& breaks) const {
  if (const std::size_t end = other_end(text, begin); end != kNone) return end;
  for (std::size_t at = begin + 1; at < text.size; ++at) {
    if (!breaks[at]) continue;
    bool word = false;
    for_each_prefix(text, at, [&](std::size_t n) {
      const bool consonants = n == 1 ? is_consonant(text[at]) : n == 2 && is_consonant(text[at]) && is_consonant(text[at + 1]);
      word = breaks[at + n] && !consonants;
      return !word;
    });
    if (word || other_end(text, at) != kNone) return at;
  }
  return text.size;
}

ThaiWords::Ends ThaiWords::cut(Stretch text) const {
  Ends ends;
  const std::vector<bool> breaks = cluster_breaks(text);
  std::set<std::size_t> open = {0};                        // places that words reach and that were not gone on from
  std::vector<std::pair<std::size_t, std::size_t>> edges;  // words since the last place that all ways go through, by begin
  std::size_t done = 0;
  // The fewest words from `done` to `goal`, of equally few the way that goes on from the earliest found.
  const auto take_way_to = [&](std::size_t goal) {
    struct Step {
      std::size_t place, before;
    };
    std::vector<Step> queue = {{done, 0}};
    std::set<std::size_t> seen = {done};
    for (std::size_t i = 0; i < queue.size(); ++i) {
      for (const auto& [begin, end] : edges) {
        if (begin != queue[i].place) continue;
        if (end == goal) {
          Ends way = {goal};
          for (std::size_t step = i; step > 0; step = queue[step].before) way.push_back(queue[step].place);
          ends.insert(ends.end(), way.rbegin(), way.rend());
          done = goal;
          return;
        }
        if (seen.insert(end).second) queue.push_back({end, i});
      }
    }
    ends.push_back(goal);  // cannot be: all open places were reached by edges
    done = goal;
  };
  while (*open.begin() < text.size) {
    const std::size_t begin = *open.begin();
    open.erase(open.begin());
    for_each_prefix(text, begin, [&](std::size_t n) {
      if (!breaks[begin + n]) return true;
      edges.emplace_back(begin, begin + n);
      open.insert(begin + n);
      return edges.size() <= kMostEdges;
    });
    if (open.size() == 1) {
      take_way_to(*open.begin());
      edges.clear();
    } else if (open.empty()) {
      done = unknown_end(text, begin, breaks);
      ends.push_back(done);
      edges.clear();
      open.insert(done);
    }
  }
  return ends;
}

// Where the first part of a long stretch ends: behind its last blank around the hundredth character, else before the longest word
// there.
std::size_t ThaiWords::chunk_size(Stretch text) const {
  const Stretch sample{text.at + kScanBegin, kScanEnd - kScanBegin};
  for (std::size_t i = sample.size; i-- > 0;) {
    if (sample[i] == ' ') return kScanBegin + i + 1;
  }
  std::size_t longest = 0, at = 0, begin = 0;
  for (const std::size_t end : cut(sample)) {
    if (end - begin >= longest) longest = end - begin, at = begin;
    begin = end;
  }
  return kScanBegin + at;
}

void ThaiWords::split(std::string_view text, std::vector<std::string_view>& words) const {
  Characters characters;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    characters.push_back({point.value, at});
    at += static_cast<std::size_t>(point.bytes);
  }
  const std::size_t size = characters.size();
  characters.push_back({0, text.size()});

  Ends ends;
  for (std::size_t begin = 0; begin < size;) {
    Stretch rest{characters.data() + begin, size - begin};
    if (rest.size >= kScanEnd) rest.size = chunk_size(rest);
    for (const std::size_t end : cut(rest)) ends.push_back(begin + end);
    begin += rest.size;
  }

  // Numbers with separators are joined again: the next that begins at or behind `from` (12:30, 1,234.5).
  std::size_t number_begin = 0, number_end = 0;
  const auto find_number = [&](std::size_t from) {
    const auto digits = [&](std::size_t i) {
      while (i < size && is_digit(characters[i].value)) ++i;
      return i;
    };
    for (; from < size; ++from) {
      if (!is_digit(characters[from].value)) continue;
      std::size_t end = digits(from);
      const std::size_t first = end;
      const auto separates = [](char32_t c) { return c == '.' || c == ',' || c == ':'; };
      while (end + 1 < size && separates(characters[end].value) && is_digit(characters[end + 1].value)) end = digits(end + 1);
      if (end > first) {
        number_begin = from, number_end = end;
        return;
      }
      from = end - 1;
    }
    number_begin = number_end = kNone;
  };
  find_number(0);
  const auto put = [&](std::size_t begin, std::size_t end) {
    const std::size_t from = characters[begin].begin;
    if (const std::string_view word = strip(text.substr(from, characters[end].begin - from)); !word.empty())
      words.push_back(word);
  };
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends.size();) {
    if (number_begin == kNone || begin < number_begin) {
      put(begin, ends[i]);
      begin = ends[i++];
      continue;
    }
    const std::size_t from = begin;
    while (begin < number_end && i < ends.size()) begin = ends[i++];
    if (begin > from) put(from, begin);
    find_number(number_end);
  }
}

}  // namespace cairn::data
