#include "engine/data/japanese/character_classes.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

constexpr std::pair<const char*, ClassBits> kNames[] = {
    {"DEFAULT", kDefaultClass},
    {"SPACE", 1 << 1},
    {"KANJI", kKanjiClass},
    {"SYMBOL", 1 << 3},
    {"NUMERIC", kNumericClass},
    {"ALPHA", kAlphaClass},
    {"HIRAGANA", kHiraganaClass},
    {"KATAKANA", kKatakanaClass},
    {"KANJINUMERIC", kKanjiNumericClass},
    {"GREEK", kGreekClass},
    {"CYRILLIC", kCyrillicClass},
    {"USER1", 1 << 11},
    {"USER2", 1 << 12},
    {"USER3", 1 << 13},
    {"USER4", 1 << 14},
    {"ALL", kAnyClass},
    {"NOOOVBOW", kNotFirstClass},
    {"NOOOVEOW", kNotBehindClass},
};

ClassBits class_named(std::string_view name, const std::string& place) {
  for (const auto& [known, bit] : kNames) {
    if (name == known) return bit;
  }
  fail("{}: '{}' is no class of characters", place, name);
}

// Calls take(line, place) for each line that says something.
template <typename Take>
void for_each_line(std::string_view text, const std::string& name, Take&& take) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = strip(text.substr(at, end - at));
    at = end + 1;
    ++number;
    if (!line.empty() && line.front() != '#') take(line, fmt::format("{}: line {}", name, number));
  }
}

std::vector<std::string_view> columns_of(std::string_view line) {
  std::vector<std::string_view> columns;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t", at)) != line.npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    if (line[at] == '#') break;
    columns.push_back(line.substr(at, end - at));
    at = end;
  }
  return columns;
}

template <typename Number>
Number number_of(std::string_view text, int base, const std::string& place) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) fail("{}: '{}': expected a number", place, text);
  return value;
}

}  // namespace

void check_classes(const SudachiDictionary& dictionary, const UnknownWord& word, const std::string& place) {
  if (word.left >= dictionary.right_classes() || word.right >= dictionary.left_classes())
    fail("{}: classes {} and {}; the dictionary has {} and {}", place, word.left, word.right, dictionary.right_classes(),
         dictionary.left_classes());
}

CharacterClasses::CharacterClasses(std::string_view char_def, const std::string& char_name, std::string_view unk_def,
                                   const std::string& unk_name, const SudachiDictionary& dictionary) {
  read_classes(char_def, char_name);
  read_words(unk_def, unk_name, dictionary);
}

// "NAME ALWAYS GROUPED MOST" and "0x3041..0x309F NAME ...".
void CharacterClasses::read_classes(std::string_view text, const std::string& name) {
  struct Range {
    std::uint32_t begin, end;
    ClassBits classes;
  };
  std::vector<Range> ranges;
  std::map<std::uint32_t, ClassBits> of_ranges = {{0, 0}};
  for_each_line(text, name, [&](std::string_view line, const std::string& place) {
    const std::vector<std::string_view> columns = columns_of(line);
    if (!line.starts_with("0x")) {
      if (columns.size() < 4) fail("{}: expected a class, 0 or 1, 0 or 1, and a number", place);
      const ClassBits bit = class_named(columns[0], place);
      for (const Rule& rule : rules_) {
        if (rule.bit == bit) fail("{}: '{}' has come before", place, columns[0]);
      }
      rules_.push_back({bit, columns[1] == "1", columns[2] == "1", number_of<int>(columns[3], 10, place)});
      return;
    }
    if (columns.size() < 2) fail("{}: expected characters and their classes", place);
    const std::size_t dots = columns[0].find("..");
    const std::string_view first = columns[0].substr(2, dots == columns[0].npos ? dots : dots - 2);
    Range range{number_of<std::uint32_t>(first, 16, place), 0, 0};
    range.end = range.begin;
    if (dots != columns[0].npos) {
      const std::string_view last = columns[0].substr(dots + 2);
      range.end = number_of<std::uint32_t>(last.starts_with("0x") ? last.substr(2) : last, 16, place);
    }
    if (range.end < range.begin || range.end > 0x10FFFF) fail("{}: '{}': expected a range of characters", place, columns[0]);
    ++range.end;
    for (std::size_t i = 1; i < columns.size(); ++i) range.classes |= class_named(columns[i], place);
    ranges.push_back(range);
    of_ranges[range.begin];
    of_ranges[range.end];
  });
  for (const Range& range : ranges) {
    for (auto at = of_ranges.find(range.begin); at->first != range.end; ++at) at->second |= range.classes;
  }
  for (const auto& [begin, classes] : of_ranges) {
    begins_.push_back(begin);
    classes_.push_back(classes == 0 ? kDefaultClass : classes);
  }
  std::sort(rules_.begin(), rules_.end(), [](const Rule& x, const Rule& y) { return x.bit < y.bit; });
}

// "NAME,LEFT,RIGHT,COST,six fields of a part of speech".
void CharacterClasses::read_words(std::string_view text, const std::string& name, const SudachiDictionary& dictionary) {
  for_each_line(text, name, [&](std::string_view line, const std::string& place) {
    std::vector<std::string_view> columns;
    for (std::size_t at = 0; at <= line.size();) {
      const std::size_t end = std::min(line.find(',', at), line.size());
      columns.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    if (columns.size() < 10) fail("{}: expected a class, three numbers and six fields of a part of speech", place);
    const ClassBits bit = class_named(columns[0], place);
    const auto rule = std::find_if(rules_.begin(), rules_.end(), [bit](const Rule& r) { return r.bit == bit; });
    if (rule == rules_.end()) fail("{}: char.def does not say when words of '{}' are made up", place, columns[0]);
    const std::optional<int> part_of_speech =
        dictionary.part_of_speech({columns[4], columns[5], columns[6], columns[7], columns[8], columns[9]});
    if (!part_of_speech) fail("{}: a part of speech that the dictionary does not have", place);
    const UnknownWord word{number_of<std::uint16_t>(columns[1], 10, place), number_of<std::uint16_t>(columns[2], 10, place),
                           number_of<std::int16_t>(columns[3], 10, place), *part_of_speech};
    check_classes(dictionary, word, place);
    rule->words.push_back(word);
  });
}

ClassBits CharacterClasses::of(char32_t character) const {
  const auto behind = std::upper_bound(begins_.begin(), begins_.end(), static_cast<std::uint32_t>(character));
  return classes_[static_cast<std::size_t>(behind - begins_.begin()) - 1];
}

}  // namespace cairn::data
