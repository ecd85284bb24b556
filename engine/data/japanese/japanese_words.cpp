#include "engine/data/japanese/japanese_words.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/data/characters.h"
#include "engine/data/japanese/number_form.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kStretch = 40'000;  // bytes: datatrove's, for Sudachi takes no more than 49,149
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kUnreached = std::numeric_limits<std::int64_t>::max();
constexpr const char* kNames[] = {"char.def", "unk.def", "rewrite.def", "sudachi.json"};

// Where datatrove's chunk_text_on_bytes cuts off a first stretch of a text, in characters; it looks at sizes in steps.
class Stretches {
 public:
  explicit Stretches(std::string_view text) : text_(text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      if ((text[at] & '\xC0') != '\x80') begins_.push_back(at);
    }
    begins_.push_back(text.size());
    guess_ = std::max<std::int64_t>(
        static_cast<std::int64_t>(kStretch * (static_cast<double>(characters()) / static_cast<double>(text.size())) - 10), 1);
  }
  bool next(std::string_view& stretch) {
    if (done_ == characters()) return false;
    const std::int64_t left = characters() - done_;
    while (bytes(guess_) > kStretch && guess_ > 1) guess_ = std::max<std::int64_t>(guess_ - 10, 1);
    std::int64_t cut = guess_;
    while (bytes(cut) < kStretch && cut < left) cut = std::min(left, cut + 10);
    if (bytes(cut) > kStretch) cut -= 10;
    cut = std::clamp<std::int64_t>(cut, 1, left);
    stretch = text_.substr(begin(done_), bytes(cut));
    done_ += cut;
    return true;
  }

 private:
  std::int64_t characters() const { return static_cast<std::int64_t>(begins_.size()) - 1; }
  std::size_t begin(std::int64_t character) const { return begins_[static_cast<std::size_t>(character)]; }
  // Of the next so many characters.
  std::size_t bytes(std::int64_t count) const { return begin(std::min(done_ + count, characters())) - begin(done_); }

  std::string_view text_;
  std::vector<std::size_t> begins_;  // of characters, and the end
  std::int64_t guess_ = 1, done_ = 0;
};

fs::path file_in(const fs::path& folder, const char* name) {
  if (!fs::is_regular_file(folder / name))
    fail_usage(
        "{}: no {} in this folder; copy system.dic of sudachidict_core (its folder resources) and {} of sudachipy (same) there",
        folder.string(), name, fmt::join(kNames, ", "));
  return folder / name;
}

JapaneseWords::Files read_files(std::string_view dictionary, const fs::path& folder) {
  const auto read = [&folder](const char* name) { return read_file(file_in(folder, name)); };
  return {dictionary, read(kNames[0]), read(kNames[1]), read(kNames[2]), read(kNames[3])};
}

}  // namespace

// The rewritten text by characters.
struct JapaneseWords::Input {
  Input(RewrittenText rewritten, const CharacterClasses& of) : text(std::move(rewritten)) {
    constexpr ClassBits kRuns = kAlphaClass | kGreekClass | kCyrillicClass;
    for (std::size_t at = 0; at < text.text.size();) {
      const CodePoint point = decode_utf8(text.text, at);
      begins.push_back(at);
      classes.push_back(of.of(point.value));
      const ClassBits before = classes.size() > 1 ? classes[classes.size() - 2] : 0;
      begins_word.push_back(!(classes.back() & kRuns) || !(classes.back() & before));
      character_at.resize(at + 1, kNone);
      character_at[at] = static_cast<std::uint32_t>(begins.size() - 1);
      at += static_cast<std::size_t>(std::max(point.bytes, 1));
    }
    character_at.resize(text.text.size() + 1, kNone);
    character_at[text.text.size()] = static_cast<std::uint32_t>(begins.size());
    // How many characters in a row have a class in common with all before them in the run; the run's later ones count down.
    for (std::size_t at = 0; at < classes.size();) {
      ClassBits common = classes[at];
      std::size_t end = at + 1;
      while (end < classes.size() && (common & classes[end]) != 0) common &= classes[end++];
      for (; at < end; ++at) run.push_back(static_cast<std::uint32_t>(end - at));
    }
    begins.push_back(text.text.size());
  }
  std::size_t size() const { return classes.size(); }
  bool can_begin(std::size_t character) const { return character == size() || begins_word[character]; }
  ClassBits common_classes(std::size_t begin, std::size_t end) const {
    ClassBits common = begin == end ? 0 : ~ClassBits{0};
    for (std::size_t i = begin; i < end; ++i) common &= classes[i];
    return common;
  }
  std::string_view slice(std::size_t begin, std::size_t end) const {
    return std::string_view(text.text).substr(begins[begin], begins[end] - begins[begin]);
  }

  RewrittenText text;
  std::vector<std::size_t> begins;  // bytes, and the end
  std::vector<ClassBits> classes;
  std::vector<bool> begins_word;
  std::vector<std::uint32_t> run, character_at;
};

// Words that may stand between two characters, each with the cheapest way to it.
struct JapaneseWords::Lattice {
  struct Node {
    std::uint32_t begin, end;
    SudachiDictionary::Entry entry;  // kNone: made up
    int part_of_speech;              // of a made-up one
    std::uint16_t right;
    std::int16_t cost;
    std::int64_t total;
    std::uint32_t before;  // node; kNone: the beginning of the text
    std::uint32_t next;    // that ends at the same place
  };

  explicit Lattice(std::size_t characters) : first(characters + 1, kNone), last(characters + 1, kNone) {}

  // What leads to a word with this class that begins here: the first of the cheapest nodes.
  struct Way {
    std::uint32_t node = kNone;
    std::int64_t total = kUnreached;
  };
  Way way_to(const SudachiDictionary& dictionary, std::size_t begin, std::uint16_t left) {
    if (begin != ways_begin) {
      ways.clear();
      ways_begin = begin;
    }
    for (const auto& [known, way] : ways) {
      if (known == left) return way;
    }
    Way best;
    if (begin == 0) best = {kNone, dictionary.connection(0, left)};
    for (std::uint32_t n = first[begin]; n != kNone; n = nodes[n].next) {
      const Node& node = nodes[n];
      if (node.total == kUnreached) continue;
      const std::int64_t total = node.total + dictionary.connection(node.right, left);
      if (total < best.total) best = {n, total};
    }
    ways.emplace_back(left, best);
    return best;
  }
  bool is_reached(std::size_t character) const { return character == 0 || first[character] != kNone; }

  void add(const SudachiDictionary& dictionary, std::size_t begin, std::size_t end, std::uint16_t left, std::uint16_t right,
           std::int16_t cost, SudachiDictionary::Entry entry, int part_of_speech) {
    const Way way = way_to(dictionary, begin, left);
    const auto index = static_cast<std::uint32_t>(nodes.size());
    nodes.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), entry, part_of_speech, right, cost,
                     way.total == kUnreached ? kUnreached : way.total + cost, way.node, kNone});
    (first[end] == kNone ? first[end] : nodes[last[end]].next) = index;
    last[end] = index;
  }

  std::vector<Node> nodes;
  std::vector<std::uint32_t> first, last;  // by the character where they end
  std::vector<std::pair<std::uint16_t, Way>> ways;
  std::size_t ways_begin = std::numeric_limits<std::size_t>::max();
};

// A word of the path.
struct JapaneseWords::Word {
  std::size_t begin, end;
  SudachiDictionary::Entry entry;       // kNone: made up, or joined
  int part_of_speech;                   // of one without an entry
  std::optional<std::string> normal{};  // of one that was joined
};

JapaneseWords::JapaneseWords(const fs::path& folder) : JapaneseWords(MappedFile(file_in(folder, "system.dic")), folder) {}

JapaneseWords::JapaneseWords(MappedFile dictionary, const fs::path& folder)
    : JapaneseWords(read_files(dictionary.text(), folder), folder.string()) {
  file_ = std::move(dictionary);  // which stays where it is
}

JapaneseWords::JapaneseWords(const Files& files, const std::string& folder)
    : name_(folder + "/system.dic"),
      dictionary_(files.dictionary, name_),
      classes_(files.char_def, folder + "/char.def", files.unk_def, folder + "/unk.def", dictionary_),
      settings_(SudachiSettings::read(files.settings, folder + "/sudachi.json")),
      rewriter_(settings_.rewrite, files.rewrite_def, folder + "/rewrite.def", classes_) {
  const std::string settings_file = folder + "/sudachi.json";
  std::array<std::string_view, 6> fields;
  std::copy(settings_.unknown_part_of_speech.begin(), settings_.unknown_part_of_speech.end(), fields.begin());
  settings_.unknown.part_of_speech = dictionary_.part_of_speech(fields).value_or(-1);
  check_classes(dictionary_, settings_.unknown, settings_file);
  number_part_of_speech_ =
      dictionary_.part_of_speech({"\u540D\u8A5E", "\u6570\u8A5E", "*", "*", "*", "*"}).value_or(-1);  // noun, numeral
}

void JapaneseWords::split(std::string_view text, std::vector<std::string_view>& words) const {
  if (text.empty()) return;
  Stretches stretches(text);
  for (std::string_view stretch; stretches.next(stretch);) split_stretch(stretch, words);
}

void JapaneseWords::split_stretch(std::string_view text, std::vector<std::string_view>& words) const {
  const Input input(rewriter_.rewrite(text), classes_);
  if (input.size() == 0) return;
  Lattice lattice = lattice_of(input);
  const Lattice::Way end = lattice.way_to(dictionary_, input.size(), 0);
  std::vector<Word> path;
  for (std::uint32_t n = end.node; n != kNone; n = lattice.nodes[n].before) {
    const Lattice::Node& node = lattice.nodes[n];
    path.push_back({node.begin, node.end, node.entry, node.part_of_speech});
  }
  std::reverse(path.begin(), path.end());
  if (settings_.joins_numbers) join_numbers(input, path);
  if (settings_.joins_katakana) join_katakana(input, lattice, path);

  const auto take = [&](std::size_t begin, std::size_t end_byte) {
    const std::size_t from = input.text.places[begin], to = input.text.places[end_byte];
    if (const std::string_view word = strip(text.substr(from, to - from)); !word.empty()) words.push_back(word);
  };
  std::vector<SudachiDictionary::Entry> parts;
  for (const Word& word : path) {
    std::size_t begin = input.begins[word.begin];
    const std::size_t end_byte = input.begins[word.end];
    if (word.entry != kNone) {
      dictionary_.parts(word.entry, parts);
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const std::size_t next = begin + dictionary_.indexed_bytes(parts[i]);
        if (next > end_byte || input.character_at[next] == kNone) fail("{}: damaged", name_);
        take(begin, next);
        begin = next;
      }
    }
    take(begin, end_byte);
  }
}

JapaneseWords::Lattice JapaneseWords::lattice_of(const Input& input) const {
  Lattice lattice(input.size());
  std::vector<SudachiDictionary::Prefix> found;
  for (std::size_t at = 0; at < input.size(); ++at) {
    if (!lattice.is_reached(at)) continue;
    found.clear();
    dictionary_.find_prefixes(input.text.text, input.begins[at], found);
    bool has_words = false;
    for (const SudachiDictionary::Prefix& word : found) {
      const std::uint32_t end = input.character_at[word.end];
      if (end == kNone || !input.can_begin(end)) continue;
      const SudachiDictionary::Costs costs = dictionary_.costs(word.entry);
      lattice.add(dictionary_, at, end, costs.left, costs.right, costs.cost, word.entry, -1);
      has_words = true;
    }
    make_up_words(input, at, has_words, lattice);
  }
  return lattice;
}

void JapaneseWords::make_up_words(const Input& input, std::size_t at, bool in_dictionary, Lattice& lattice) const {
  bool has_words = in_dictionary;
  const auto add = [&](const UnknownWord& word, std::size_t characters) {
    lattice.add(dictionary_, at, at + characters, word.left, word.right, word.cost, kNone, word.part_of_speech);
    has_words = true;
  };
  const bool may_begin = !(input.classes[at] & kNotFirstClass) && (at == 0 || !(input.classes[at - 1] & kNotBehindClass));
  if (may_begin && settings_.makes_up_by_classes) {
    const std::size_t run = input.run[at];
    for (const CharacterClasses::Rule& rule : classes_.rules()) {
      if (!(input.classes[at] & rule.bit) || (!rule.always && in_dictionary)) continue;
      if (rule.grouped) {
        for (const UnknownWord& word : rule.words) add(word, run);
      }
      const std::size_t most = rule.grouped ? run - 1 : run;
      for (int n = 1; n <= rule.most; ++n) {
        const std::size_t characters = std::min<std::size_t>(static_cast<std::size_t>(n), input.size() - at);
        if (characters > most) break;
        for (const UnknownWord& word : rule.words) add(word, characters);
      }
    }
  }
  if (has_words) return;
  std::size_t characters = 1;  // up to where a word can begin
  while (!input.can_begin(at + characters)) ++characters;
  add(settings_.unknown, characters);
}

std::string JapaneseWords::normal_form(const Input& input, const Word& word) const {
  if (word.normal) return *word.normal;
  return word.entry == kNone ? std::string(input.slice(word.begin, word.end)) : dictionary_.normal_form(word.entry);
}

char JapaneseWords::normal_character(const Input& input, const Word& word) const {
  if (!word.normal && word.entry != kNone) return dictionary_.normal_character(word.entry);
  const std::string form = normal_form(input, word);
  return form.size() == 1 ? form[0] : '\0';
}

// Words that make up a number become one. Where a comma or a point cannot be in it, the words are looked at again, with the mark
// as an end.
void JapaneseWords::join_numbers(const Input& input, std::vector<Word>& path) const {
  constexpr std::size_t kNotOpen = std::numeric_limits<std::size_t>::max();
  struct Join {
    std::size_t begin, end;
    std::string normal;
  };
  std::vector<Join> joins;  // in order
  NumberForm number;
  bool comma_counts = true, point_counts = true;
  std::size_t open = kNotOpen;
  const auto is_numeral = [&](const Word& word) {
    return (word.entry == kNone ? word.part_of_speech : dictionary_.part_of_speech(word.entry)) == number_part_of_speech_;
  };
  // Whether the last word before `end` is the mark that made it no number.
  const auto ends_in_fault = [&](std::size_t end) {
    const char mark = normal_character(input, path[end - 1]);
    return (number.fault() == NumberForm::Fault::comma && mark == ',') ||
           (number.fault() == NumberForm::Fault::point && mark == '.');
  };
  // What ends in front of `end`, if it is a number, with or without a mark behind it. Returns the word to go on behind.
  const auto close = [&](std::size_t end) {
    const std::size_t behind = number.is_whole() ? end : ends_in_fault(end) ? end - 1 : open;
    if (behind == open) return end;
    if (!is_numeral(path[open])) return std::min(end, open + (behind == end ? 1 : 2));
    std::string normal = settings_.normalises_numbers ? number.digits() : std::string();
    if (behind - open > 1 || (settings_.normalises_numbers && normal != normal_form(input, path[open])))
      joins.push_back({open, behind, std::move(normal)});
    return end;
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    const Word& word = path[i];
    const char mark = normal_character(input, word);
    const bool numeric = (input.common_classes(word.begin, word.end) & (kNumericClass | kKanjiNumericClass)) != 0;
    if (!numeric && !(comma_counts && mark == ',') && !(point_counts && mark == '.')) {
      if (open != kNotOpen) i = close(i);
      open = kNotOpen;
      comma_counts |= mark != ',';
      point_counts |= mark != '.';
      continue;
    }
    if (open == kNotOpen) {
      number.clear();
      open = i;
    }
    const std::string form = normal_form(input, word);
    for (std::size_t at = 0; at < form.size();) {
      const CodePoint point = decode_utf8(form, at);
      at += static_cast<std::size_t>(std::max(point.bytes, 1));
      if (number.append(point.value)) continue;
      bool& counts = number.fault() == NumberForm::Fault::comma ? comma_counts : point_counts;
      if (number.fault() != NumberForm::Fault::none && counts) {
        counts = false;
        i = open - 1;
      }
      open = kNotOpen;
      break;
    }
  }
  if (open != kNotOpen) close(path.size());

  std::vector<Word> joined;
  std::size_t done = 0;
  for (Join& join : joins) {
    std::move(path.begin() + static_cast<std::ptrdiff_t>(done), path.begin() + static_cast<std::ptrdiff_t>(join.begin),
              std::back_inserter(joined));
    const Word &first = path[join.begin], &last = path[join.end - 1];
    std::string normal = std::move(join.normal);
    if (!settings_.normalises_numbers) {
      for (std::size_t i = join.begin; i < join.end; ++i) normal += normal_form(input, path[i]);
    }
    joined.push_back({first.begin, last.end, kNone, number_part_of_speech_, std::move(normal)});
    done = join.end;
  }
  std::move(path.begin() + static_cast<std::ptrdiff_t>(done), path.end(), std::back_inserter(joined));
  path = std::move(joined);
}

// Katakana words in a row become one where one of them is made up or short: a word that was weighed and covers them all, the
// cheapest by itself, or a made-up one.
void JapaneseWords::join_katakana(const Input& input, const Lattice& lattice, std::vector<Word>& path) const {
  const auto is_katakana = [&](const Word& word) { return (input.common_classes(word.begin, word.end) & kKatakanaClass) != 0; };
  std::vector<Word> joined;
  for (std::size_t i = 0; i < path.size();) {
    std::size_t begin = i, end = i;
    bool joins = false;
    for (; end < path.size() && is_katakana(path[end]); ++end)
      joins |= path[end].entry == kNone || path[end].end - path[end].begin < settings_.shortest_katakana;
    while (begin < end && (input.classes[path[begin].begin] & kNotFirstClass)) ++begin;
    if (!joins || end - begin < 2) begin = end = std::max(end, i + 1);
    std::move(path.begin() + static_cast<std::ptrdiff_t>(i), path.begin() + static_cast<std::ptrdiff_t>(begin),
              std::back_inserter(joined));
    i = end;
    if (begin == end) continue;
    Word word{path[begin].begin, path[end - 1].end, kNone, -1};
    const Lattice::Node* cheapest = nullptr;
    for (std::uint32_t n = lattice.first[word.end]; n != kNone; n = lattice.nodes[n].next) {
      const Lattice::Node& node = lattice.nodes[n];
      if (node.begin == word.begin && (cheapest == nullptr || node.cost < cheapest->cost)) cheapest = &node;
    }
    if (cheapest != nullptr) word.entry = cheapest->entry;
    joined.push_back(std::move(word));
  }
  path = std::move(joined);
}

}  // namespace cairn::data
