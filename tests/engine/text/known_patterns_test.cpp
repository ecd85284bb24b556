#include "engine/text/known_patterns.h"

#include <deque>

#include "base/disk.h"
#include "base/random.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/regex.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

namespace cairn::text {
namespace {

std::vector<KnownPattern> all_patterns() {
  std::vector<KnownPattern> patterns = {{}};
  for (const int digits : {1, 3}) {
    patterns.push_back({.family = PatternFamily::cl100k, .digits = digits});
    for (int flags = 0; flags < 8; ++flags)
      patterns.push_back({PatternFamily::tekken, digits, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0});
  }
  for (const int digits : {2, 3}) {
    patterns.push_back({.family = PatternFamily::cl100k, .digits = digits, .digits_from_right = true});
    patterns.push_back({.family = PatternFamily::tekken, .digits = digits, .slash_tail = true, .digits_from_right = true});
  }
  return patterns;
}

using Pieces = std::vector<std::string_view>;

Pieces pieces_of(const PreTokenizer& pre_tokenizer, std::string_view text) {
  Pieces pieces;
  std::deque<std::string> store;
  pre_tokenizer.split(text, pieces, store);
  return pieces;
}

struct Pair {
  PreTokenizer fast, regex;
  explicit Pair(const KnownPattern& pattern) : fast(pattern), regex(pattern) { regex.forget_known(); }
};

// Classes that PCRE2's own Unicode tables give, bit by bit.
std::vector<std::uint8_t> pcre2_classes() {
  std::vector<std::uint8_t> bits(0x110000, 0);
  std::string text;
  std::vector<char32_t> points;
  for (char32_t point = 0; point < 0x110000; ++point) {
    if (point < 0xD800 || point > 0xDFFF) points.push_back(point), append_utf8(text, point);
  }
  const std::pair<const char*, int> classes[] = {{"[\\p{Lu}\\p{Lt}]+", kUpper},
                                                 {"\\p{Ll}+", kLower},
                                                 {"[\\p{Lm}\\p{Lo}]+", kOtherLetter},
                                                 {"\\p{M}+", kMark},
                                                 {"\\p{N}+", kNumber},
                                                 {"\\s+", kSpace},
                                                 {"[\\r\\n]+", kNewline}};
  for (const auto& [pattern, bit] : classes) {
    const Regex regex(pattern, "test");
    for (std::size_t from = 0, begin, end; regex.find(text, from, begin, end); from = end) {
      for (std::size_t at = begin; at < end;) {
        int length;
        bits[decode_valid(text.data() + at, length)] |= static_cast<std::uint8_t>(bit);
        at += static_cast<std::size_t>(length);
      }
    }
  }
  for (std::uint8_t& mask : bits) {
    if (mask == 0) mask = kOther;
  }
  return bits;
}

}  // namespace

TEST_CASE(
    "unicode: character classes equal PCRE2's for all but the few hundred code points that its older Unicode has not or has "
    "otherwise") {
  const auto theirs = pcre2_classes();
  int unassigned = 0, changed = 0;
  for (char32_t point = 0; point < 0x110000; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    if (theirs[point] == CharacterClasses::get().of(point)) continue;
    ++(theirs[point] == kOther ? unassigned : changed);
  }
  CHECK(unassigned < 12000);  // Unicode 15 and 16 added ideographs, mostly
  CHECK(changed < 10);
}

TEST_CASE("known patterns: their regular expressions are recognised, others are not") {
  for (const KnownPattern& pattern : all_patterns()) CHECK(recognise_pattern(pattern_regex(pattern)) == pattern);
  CHECK(recognise_pattern(R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") == KnownPattern{});
  CHECK(!recognise_pattern(R"(\p{L}+)"));
  CHECK(pattern_named("apertus") == KnownPattern{PatternFamily::tekken, 1, true, true, false});
  CHECK(test::error_of([] { pattern_named("gpt-2"); }).find("expected apertus, gpt2, cl100k, qwen2 or o200k") !=
        std::string::npos);
}

TEST_CASE("known patterns: digits from the right leave what is over in front, however long the number is") {
  const PreTokenizer three({.family = PatternFamily::cl100k, .digits = 3, .digits_from_right = true});
  CHECK(pieces_of(three, "1234567 12a123\u0664\u0665") == Pieces{"1", "234", "567", " ", "12", "a", "12", "3\u0664\u0665"});
  CHECK(pieces_of(three, std::string(1'000'000, '7')).size() == 333'334);
}

TEST_CASE("known patterns cut where PCRE2 does, on random text of awkward characters") {
  const auto theirs = pcre2_classes();
  std::vector<char32_t> awkward;
  for (const char c : std::string_view("aAbZsStTrReEvVmMlLdD019 \t\n\r'/.,-_<>|\"\\"))
    awkward.push_back(static_cast<char32_t>(c));
  for (const char32_t point : {0x17F,    0xE9,   0xC9, 0x1C5,  0x2B0,  0x301,  0x300,  0x6F22, 0xE01,  0xE31,   0x663,
                               0xBD,     0x2167, 0xA0, 0x2003, 0x3000, 0x85,   0x2028, 0x180E, 0x200D, 0x1F600, 0x1D400,
                               0x10FFFF, 0x0,    0x7F, 0x2019, 0xDF,   0x1E9E, 0x130,  0x131,  0x212A}) {
    awkward.push_back(static_cast<char32_t>(point));
  }
  const Random random(11, "patterns");
  std::uint64_t draw = 0;
  for (const KnownPattern& pattern : all_patterns()) {
    const Pair pair(pattern);
    for (int round = 0; round < 2000; ++round) {
      std::string text;
      const std::uint64_t size = 1 + random.below(draw++, 24);
      // A third of the rounds repeat few characters, so that runs and steps back occur.
      const std::uint64_t variety = round % 3 == 0 ? 4 : awkward.size();
      const std::uint64_t offset = random.below(draw++, awkward.size());
      while (text.size() < size) {
        auto point = awkward[(offset + random.below(draw++, variety)) % awkward.size()];
        if (round % 3 == 1 && random.below(draw++, 4) == 0) point = static_cast<char32_t>(random.below(draw++, 0x110000));
        if ((point >= 0xD800 && point <= 0xDFFF) || theirs[point] != CharacterClasses::get().of(point)) continue;
        append_utf8(text, point);
      }
      CAPTURE(pattern_regex(pattern));
      CAPTURE(text);
      REQUIRE(pieces_of(pair.fast, text) == pieces_of(pair.regex, text));
    }
  }
}

TEST_CASE("known patterns cut where PCRE2 does, on the UDHR and Gutenberg") {
  REQUIRE_SHARED(shared);
  std::vector<std::string> texts;
  for (const char* folder : {"data/udhr", "data/gutenberg"}) {
    for (const auto& entry : std::filesystem::directory_iterator(shared / folder)) {
      std::string text = read_file(entry.path());
      text.resize(valid_utf8_prefix(text));
      texts.push_back(text.substr(0, 60'000 - unfinished_utf8_suffix(std::string_view(text).substr(0, 60'000))));
    }
  }
  CHECK(texts.size() > 35);
  for (const KnownPattern& pattern : all_patterns()) {
    const Pair pair(pattern);
    for (const std::string& text : texts) CHECK(pieces_of(pair.fast, text) == pieces_of(pair.regex, text));
  }
}

TEST_CASE("unicode: lossy text and unfinished ends follow the WHATWG decoder") {
  CHECK(utf8_lossy("a\xC3\xA9") == "aé");
  CHECK(utf8_lossy("\xFF\xFE") == "\uFFFD\uFFFD");
  CHECK(utf8_lossy("\xE2\x82") == "\uFFFD");
  CHECK(utf8_lossy("\xE2\x82z") == "\uFFFDz");
  CHECK(utf8_lossy("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");  // a surrogate
  CHECK(utf8_lossy("\xC0\xAF") == "\uFFFD\uFFFD");            // overlong
  CHECK(utf8_lossy("\xF4\x90\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(utf8_lossy("\xF0\x9F\x98") == "\uFFFD");
  CHECK(unfinished_utf8_suffix("abc") == 0);
  CHECK(unfinished_utf8_suffix("a\xC3") == 1);
  CHECK(unfinished_utf8_suffix("a\xE2\x82") == 2);
  CHECK(unfinished_utf8_suffix("a\xF0\x9F\x98") == 3);
  CHECK(unfinished_utf8_suffix("a\xF0\x9F\x98\x80") == 0);
  CHECK(unfinished_utf8_suffix("a\xFF") == 0);
  CHECK(unfinished_utf8_suffix("a\xE2\x28") == 0);
  CHECK(unfinished_utf8_suffix("\x80\x80\x80\x80") == 0);
}

}  // namespace cairn::text
