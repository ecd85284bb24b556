// What the filters ask of a character, and the simplified text that near-duplicate hashes are made of.
//
// Tables are fixed at Unicode 14 (make_characters.py), those of the Python that FineWeb's and Apertus' data were filtered with,
// so that a document's fate does not depend on the machine's libraries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

enum CharacterBits : std::uint16_t {
  kAlpha = 1,         // any letter (Python's isalpha)
  kDecimal = 2,       // Nd
  kNonspacing = 4,    // Mn
  kSpace = 8,         // Python's isspace
  kPunctuation = 16,  // datatrove's punctuation, control characters among them
  kTerminal = 32,     // ends a sentence, in any script
  kLowerCase = 64,    // Ll
  kUpperCase = 128,   // Lu
  kIcon = 256,        // So
  kCurrency = 512,    // Sc
  kSymbol = 1024,     // punctuation and quotes that are words of their own for spaCy
  kUnspaced = 2048,   // letter or mark of a script without spaces between words: Han, kana, Thai, Lao, Khmer, Myanmar
};

// Any code point, 0 to 0x10FFFF.
std::uint16_t character_bits(char32_t point);

// Lower case, each number to "0", punctuation and runs of white space to one space, canonical decomposition without nonspacing
// marks: datatrove's simplify_text with its defaults (spec/data.md §2.6). `text` is valid UTF-8.
std::string simplify(std::string_view text);

// Lower case of ASCII and of single characters elsewhere.
std::string lower_case_ascii(std::string_view text);

std::size_t count_characters(std::string_view utf8);  // code points

// Python's str.splitlines: also at \v \f \x1c-\x1e U+0085 U+2028 U+2029, and "\r\n" is one end.
std::vector<std::string_view> split_lines(std::string_view text);
std::string_view strip(std::string_view text);  // Python's str.strip
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);

struct CharacterRun {
  std::uint32_t first;
  std::uint16_t bits;
};
struct CharacterFold {
  std::uint32_t from;
  const char* to;  // UTF-8; nonspacing marks, which become nothing, have no entry
};
extern const CharacterRun kCharacterRuns[];
extern const std::size_t kCharacterRunCount;
extern const CharacterFold kCharacterFolds[];
extern const std::size_t kCharacterFoldCount;

}  // namespace cairn::data
