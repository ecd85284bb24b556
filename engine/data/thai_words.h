// Thai words by a dictionary that the user brings, as PyThaiNLP finds them (its list of words, its answers): the fewest words of
// the dictionary that cover a stretch, none of which parts a cluster of characters that belong together.
//
// source: the algorithm of PyThaiNLP 5's engine "newmm-safe" with its clusters (github.com/PyThaiNLP/pythainlp), which datatrove
// uses; nothing of its data is built in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cairn::data {

class ThaiWords {
 public:
  // `file`: PyThaiNLP's corpus/words_th.txt, a word a line. Error naming file and byte when it is not UTF-8, or has no word.
  explicit ThaiWords(const std::filesystem::path& file);
  ThaiWords(std::string_view words, const std::string& name);  // the content; named so in errors

  // Views into `text`, which is valid UTF-8, appended to `words`; blanks are none, and no word begins or ends with white space.
  // Time: linear, for stretches of 140 characters are looked at one by one.
  void split(std::string_view text, std::vector<std::string_view>& words) const;

 private:
  struct Character {
    char32_t value;
    std::size_t begin;  // byte of the text
  };
  using Characters = std::vector<Character>;  // and one behind the last
  struct Stretch {
    const Character* at;
    std::size_t size;
    char32_t operator[](std::size_t i) const { return at[i].value; }
  };
  using Ends = std::vector<std::size_t>;  // of words in a stretch, in order

  void add(std::string_view word);
  // Calls take(n) for each word of the dictionary that begins at `begin`, of n characters, shorter ones first, while it says
  // true.
  template <typename Take>
  void for_each_prefix(Stretch text, std::size_t begin, Take&& take) const;
  Ends cut(Stretch text) const;
  std::size_t unknown_end(Stretch text, std::size_t begin, const std::vector<bool>& breaks) const;
  std::size_t chunk_size(Stretch text) const;

  std::unordered_map<std::uint64_t, std::uint32_t> next_;  // node << 21 | character -> node
  std::vector<bool> is_word_ = {false};                    // by node; 0 is the root
};

}  // namespace cairn::data
