// Chinese words by a dictionary that the user brings, as jieba finds them (its files, its answers): of all ways to cut a run into
// words of the dictionary the most probable one, and what stays single characters by a hidden Markov model of where words begin
// and end (states B, M, E, S).
//
// source: the algorithm of jieba 0.42 (github.com/fxsjy/jieba), cut() with HMM; nothing of its data is built in.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cairn::data {

class ChineseWords {
 public:
  // `folder` holds dict.txt (lines "WORD FREQUENCY [TAG]") and the model: prob_start.py, prob_trans.py, prob_emit.py. Error
  // naming file and line, or what is missing.
  explicit ChineseWords(const std::filesystem::path& folder);

  struct Files {
    std::string dictionary, start, trans, emit;  // contents, as named above
  };
  ChineseWords(const Files& files, const std::string& folder);  // named so in errors

  // Views into `text`, which is valid UTF-8, appended to `words`; white space is none.
  void split(std::string_view text, std::vector<std::string_view>& words) const;

 private:
  struct Character {
    char32_t value;
    std::size_t begin, end;  // bytes of the text
  };
  using Characters = std::vector<Character>;
  void read_dictionary(std::string_view text, const std::string& file);
  void split_run(std::string_view text, const Characters& run, std::vector<std::string_view>& words) const;
  void split_unknown(std::string_view text, const Character* run, std::size_t size, std::vector<std::string_view>& words) const;
  void split_by_states(std::string_view text, const Character* run, std::size_t size, std::vector<std::string_view>& words) const;

  std::unordered_map<std::string, double> frequencies_;  // 0: not a word, but one begins so
  double log_total_ = 0;
  std::array<double, 4> start_{};                // of B, E, M, S
  std::array<std::array<double, 4>, 4> step_{};  // from, to
  std::array<std::unordered_map<char32_t, double>, 4> emit_;
};

}  // namespace cairn::data
