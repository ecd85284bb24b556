// What is fast in the filters and readers against what is obvious: words by all the rules, runs of words as strings, bytes one by
// one.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "base/utf8.h"
#include "engine/data/characters.h"
#include "engine/data/compressed.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/duplicates.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/json_line.h"
#include "engine/data/text_analysis.h"
#include "engine/data/words.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

class Draw {
 public:
  explicit Draw(std::string_view name) : random_(1, name) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(drawn_++, n)); }
  template <typename List>
  const auto& of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  Random random_;
  std::uint64_t drawn_ = 0;
};

std::vector<std::string> shared_texts(const fs::path& shared) {
  std::vector<std::string> texts;
  for (const char* folder : {"udhr", "gutenberg"}) {
    for (const fs::directory_entry& file : fs::directory_iterator(shared / "data" / folder))
      texts.push_back(text::utf8_lossy(read_file(file.path())));
  }
  return texts;
}

// Chunks of what words are made of, drawn.
std::string drawn_text(Draw& draw, std::size_t chunks) {
  static const std::vector<std::string> parts = {"a",
                                                 "I",
                                                 "word",
                                                 "Word",
                                                 "WORD",
                                                 "don't",
                                                 "it's",
                                                 "'s",
                                                 "n't",
                                                 "cannot",
                                                 "e.g.",
                                                 "Mr.",
                                                 "U.S.",
                                                 "z.B.",
                                                 "aujourd'hui",
                                                 "l'homme",
                                                 "dit-il",
                                                 "demi-tour",
                                                 "po'",
                                                 "D",
                                                 "C",
                                                 "12",
                                                 "3",
                                                 "1999",
                                                 "2,5",
                                                 "km",
                                                 "5pm",
                                                 "\xc3\xa9t\xc3\xa9",
                                                 "stra\xc3\x9f"
                                                 "e",
                                                 "\xc3\x89",
                                                 "\xd0\xbc\xd0\xb8\xd1\x80",
                                                 "\xe6\x97\xa5\xe6\x9c\xac",
                                                 "\xe0\xb8\x97\xe0\xb8\xb5",
                                                 "\xe0\xa4\xb9\xe0\xa4\xbf",
                                                 "\xe2\x80\x99",
                                                 "\xe2\x80\x9c",
                                                 "\xe2\x80\xa6",
                                                 "\xe2\x80\x94",
                                                 "\xc2\xab",
                                                 "\xc2\xa7",
                                                 "\xe2\x82\xac",
                                                 "\xe2\x98\xba",
                                                 "e\xcc\x81",
                                                 "www.a.org"};
  static const std::string marks = ".,;:!?()[]{}<>\"'`$%&*+-=/#@|~^_\\";
  static const std::vector<std::string> spaces = {" ",        "\n",           "\t",   "  ",          "\r\n",
                                                  "\xc2\xa0", "\xe3\x80\x80", "\x1d", "\xe2\x80\xa8"};
  std::string text;
  for (std::size_t i = 0; i < chunks; ++i) {
    for (std::size_t n = 1 + draw.below(4); n > 0; --n) {
      if (draw.below(3) == 0)
        text += draw.of(marks);
      else
        text += draw.of(parts);
    }
    text += draw.of(spaces);
  }
  return text;
}

constexpr WordStyle kStyles[] = {WordStyle::english, WordStyle::plain,   WordStyle::german,
                                 WordStyle::french,  WordStyle::italian, WordStyle::indic};

void check_words(std::string_view text) {
  for (const WordStyle style : kStyles) {
    std::vector<std::string_view> fast, slow;
    split_words(text, fast, style);
    split_words_by_rules(text, slow, style);
    std::vector<std::string_view> whole, whole_slow;
    split_words(text, whole, style, nullptr, Unspaced::whole);
    split_words_by_rules(text, whole_slow, style, Unspaced::whole);
    CHECK(whole == whole_slow);
    const auto [a, b] = std::mismatch(fast.begin(), fast.end(), slow.begin(), slow.end());
    const std::string fast_word(a == fast.end() ? "" : *a), slow_word(b == slow.end() ? "" : *b);
    CAPTURE(static_cast<int>(style));
    CAPTURE(fast_word);
    CAPTURE(slow_word);
    CHECK((a == fast.end() && b == slow.end()));
  }
}

}  // namespace

TEST_CASE("shortcuts: words are those of the rules, on drawn texts and on real ones in all languages") {
  Draw draw("words");
  for (int round = 0; round < 300; ++round) check_words(drawn_text(draw, 200));
  REQUIRE_SHARED(shared);
  for (const std::string& text : shared_texts(shared)) check_words(text);
}

TEST_CASE("shortcuts: what the repetition rules measure is what strings of words say") {
  Draw draw("runs");
  GopherRepetitionParams open;  // nothing is dropped, all is measured
  open.max_dup_paragraphs = open.max_dup_paragraph_chars = open.max_dup_lines = open.max_dup_line_chars = 0;
  for (auto* limits : {&open.top_n_grams, &open.dup_n_grams}) {
    for (NGramLimit& limit : *limits) limit.second = 9;
  }
  const GopherRepetitionFilter filter(open);
  for (int round = 0; round < 60; ++round) {
    // Few different words, some of which run together to others, so that much repeats.
    static const std::vector<std::string> vocabulary = {"a", "b", "ab", "ba", "the", "other", "\xc3\xa9", "theother", "x.", "12"};
    std::string text;
    const std::size_t size = draw.below(300);
    const std::size_t different = 2 + draw.below(vocabulary.size() - 1);
    for (std::size_t i = 0; i < size; ++i) text += vocabulary[draw.below(different)] + (draw.below(9) == 0 ? "\n" : " ");
    if (text.empty()) continue;
    TextAnalysis analysis(text);
    filter.judge(Document{}, analysis);
    std::map<std::uint32_t, double> measured;
    for (const TextAnalysis::Measure& measure : analysis.measures()) measured[measure.statistic] = measure.value;
    const std::vector<std::string_view>& words = analysis.words();
    const auto joined = [&](std::size_t begin, std::size_t n, std::string_view between) {
      std::string run;
      for (std::size_t i = begin; i < begin + n; ++i) run += (i > begin ? std::string(between) : "") + std::string(words[i]);
      return run;
    };
    const auto characters = static_cast<double>(count_characters(text));
    for (std::size_t n = 2; n <= 4; ++n) {
      if (words.size() < n) continue;
      std::map<std::string, int> counts;
      std::vector<std::string> order;
      for (std::size_t i = 0; i + n <= words.size(); ++i) {
        const std::string run = joined(i, n, " ");
        if (counts[run]++ == 0) order.push_back(run);
      }
      std::string best = order.front();
      for (const std::string& run : order) {
        if (counts[run] > counts[best]) best = run;
      }
      CHECK(measured.at(static_cast<std::uint32_t>(100 + n)) ==
            static_cast<double>(count_characters(best) * static_cast<std::size_t>(counts[best])) / characters);
    }
    for (std::size_t n = 5; n <= 10; ++n) {
      std::set<std::string> seen;
      std::size_t repeated = 0;
      for (std::size_t i = 0; i + n <= words.size();) {
        const std::string run = joined(i, n, "");
        const bool again = !seen.insert(run).second;
        if (again) repeated += count_characters(run);
        i += again ? n : 1;
      }
      CHECK(measured.at(static_cast<std::uint32_t>(200 + n)) == static_cast<double>(repeated) / characters);
    }
  }
}

TEST_CASE("shortcuts: repeated parts are counted as a set of strings counts them") {
  Draw draw("parts");
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> parts;
    for (std::size_t i = draw.below(60); i > 0; --i)
      parts.push_back(std::string(draw.below(3), "ab"[draw.below(2)]) + (draw.below(4) == 0 ? "\xc3\xa9" : ""));
    std::set<std::string_view> seen;
    std::size_t repeats = 0, characters = 0;
    for (const std::string& part : parts) {
      if (seen.insert(part).second) continue;
      ++repeats;
      characters += count_characters(part);
    }
    const DuplicateCount count = count_duplicates({parts.begin(), parts.end()});
    CHECK(count.parts == repeats);
    CHECK(count.characters == characters);
  }
}

TEST_CASE("shortcuts: C4's words are found wherever they stand in a text, in any case, and nothing else is") {
  const std::string sentence = "One line of words ends here.";
  for (const std::string found : {"Lorem IPSUM", "JavaScript", "terms of Use", "PRIVACY policy", "uses Cookies", "use cookies",
                                  "cookie policy", "use of cookies"}) {
    for (std::size_t before = 0; before < 70; ++before) {
      const std::string line = std::string(before, 'x') + " so " + found + " it is.";
      const std::string text = sentence + "\n" + line + "\n" + sentence + "\n";
      C4Params params;
      params.min_sentences = 2;
      TextAnalysis analysis(text);
      const Judgement judgement = C4Filter(params).judge(Document{}, analysis);
      CAPTURE(line);
      if (found == "Lorem IPSUM")
        CHECK(judgement.rule == "lorem_ipsum");
      else
        CHECK(judgement.text == sentence + "\n" + sentence);
    }
  }
  for (const std::string other : {"lorem-ipsum", "java script", "terms for use", "privacy", "use a cookie", "cookies"}) {
    const std::string text = sentence + "\nSome words and " + other + " here.\n" + sentence;
    C4Params params;
    params.min_sentences = 2;
    TextAnalysis analysis(text);
    CHECK(C4Filter(params).judge(Document{}, analysis).action == Judgement::Action::keep);
  }
}

TEST_CASE("shortcuts: C4 counts the sentences of lines as of each line alone") {
  Draw draw("c4");
  for (int round = 0; round < 200; ++round) {
    const std::string text = drawn_text(draw, 120);
    C4Params params;
    params.terminal_punctuation = draw.below(2) == 0;
    params.max_word_length = draw.below(3) == 0 ? 5 : 1000;
    params.min_words_per_line = static_cast<std::int64_t>(draw.below(4));
    params.curly_bracket = params.citations = params.policy = params.javascript = params.lorem_ipsum = false;
    params.min_sentences = 1;
    TextAnalysis analysis(text);
    C4Filter(params).judge(Document{}, analysis);
    double sentences = 0;
    for (std::string_view line : split_lines(text)) {
      line = strip(line);
      std::int64_t words = 0, longest = 0, length = 0;
      for (std::size_t at = 0; at < line.size();) {
        int bytes;
        const bool space = character_bits(text::decode_valid(line.data() + at, bytes)) & kSpace;
        at += static_cast<std::size_t>(bytes);
        length = space ? 0 : length + 1;
        words += length == 1;
        longest = std::max(longest, length);
      }
      const bool ends =
          !line.empty() && std::string_view(".?!\"'").find(line.back()) != std::string_view::npos && !line.ends_with("...");
      if (longest > params.max_word_length || words < params.min_words_per_line || (params.terminal_punctuation && !ends))
        continue;
      std::vector<std::string_view> of_line;
      split_words(line, of_line);
      sentences += count_sentences(of_line);
    }
    REQUIRE(analysis.measures().size() == 1);
    CHECK(analysis.measures()[0].value == sentences);
  }
}

TEST_CASE("shortcuts: characters are counted as bytes that do not continue one") {
  Draw draw("characters");
  for (std::size_t size : {0u, 1u, 15u, 16u, 17u, 4079u, 4080u, 4081u, 4096u, 9000u}) {
    std::string text;
    while (text.size() < size) append_utf8(text, draw.below(3) == 0 ? U'a' : static_cast<char32_t>(0x80 + draw.below(0xD000)));
    std::size_t characters = 0;
    for (std::size_t at = 0; at < text.size(); ++characters) at += static_cast<std::size_t>(decode_utf8(text, at).bytes);
    CHECK(count_characters(text) == characters);
  }
  for (std::size_t size : {4079u, 4080u, 4081u, 4095u, 4096u, 4097u, 8160u, 8192u, 100'000u})  // where a lane is full
    CHECK(count_characters(std::string(size, 'a')) == size);
}

TEST_CASE("shortcuts: JSON strings are what the general parser makes of them") {
  Draw draw("json");
  static const std::vector<std::string> pieces = {"a",
                                                  "plain text of some length, ",
                                                  "\\n",
                                                  "\\\"",
                                                  "\\\\",
                                                  "\\/",
                                                  "\\t",
                                                  "\\u00e9",
                                                  "\\ud83d\\ude00",
                                                  "\xc3\xa9",
                                                  "\xe6\x97\xa5",
                                                  "\xf0\x9f\x98\x80",
                                                  " "};
  for (int round = 0; round < 5000; ++round) {
    std::string line = "{\"x\":\"";
    for (std::size_t n = draw.below(40); n > 0; --n) line += draw.of(pieces);
    line += "\",\"y\":\"" + std::string(draw.below(40), 'y') + "\"}";
    JsonLine reader(line);
    std::string key, value;
    const Json expected = parse_json(line, "line");
    for (reader.open_object(); reader.next_member(key);) {
      reader.take_string(value);
      CHECK(value == expected.at(key).get<std::string>());
    }
    reader.finish();
    std::string again;
    append_json_string(again, value);
    CHECK(parse_json(again, "string").get<std::string>() == value);
    // Cut anywhere, it is an error, not a shorter string.
    const std::string cut = line.substr(0, draw.below(line.size()));
    CHECK_THROWS_AS(([&] {
                      JsonLine damaged(cut);
                      for (damaged.open_object(); damaged.next_member(key);) damaged.take_string(value);
                      damaged.finish();
                    }()),
                    Error);
  }
}

TEST_CASE("shortcuts: a string with an escape takes the room of the string, however long its line is") {
  std::string line = "{";
  for (int member = 0; member < 200'000; ++member) line += R"("a\n":"b\t",)";
  line.back() = '}';
  JsonLine reader(line);
  std::string key, value;
  std::size_t members = 0, room = 0;
  for (reader.open_object(); reader.next_member(key); ++members) {
    reader.take_string(value);
    if (key != "a\n" || value != "b\t") break;
    room += key.capacity() + value.capacity();
    std::string().swap(key);
    std::string().swap(value);
  }
  reader.finish();
  CHECK(members == 200'000);
  CHECK(room < 10 * line.size());
}

TEST_CASE("shortcuts: lines of any length come out whole, whatever pieces the bytes come in") {
  class Pieces : public ByteSource {
   public:
    Pieces(std::string_view bytes, Draw& draw) : bytes_(bytes), draw_(draw) {}
    std::size_t read(char* buffer, std::size_t size) override {
      const std::size_t taken = std::min({size, bytes_.size() - at_, 1 + draw_.below(draw_.below(2) == 0 ? 10 : 300'000)});
      bytes_.copy(buffer, taken, at_);
      at_ += taken;
      return taken;
    }
    std::uint64_t offset() const override { return at_; }

   private:
    std::string_view bytes_;
    Draw& draw_;
    std::size_t at_ = 0;
  };
  Draw draw("lines");
  for (int round = 0; round < 30; ++round) {
    std::vector<std::string> lines(1 + draw.below(20));
    std::string text;
    for (std::string& line : lines) {
      line = std::string(draw.below(4) == 0 ? draw.below(600'000) : draw.below(30), static_cast<char>('a' + draw.below(26)));
      text += line + (draw.below(2) == 0 ? "\r\n" : "\n");
    }
    LineReader reader(std::make_unique<Pieces>(text, draw), "lines");
    std::string_view line;
    for (const std::string& expected : lines) {
      REQUIRE(reader.next(line));
      CHECK(line == expected);
    }
    CHECK_FALSE(reader.next(line));
  }
}
