// Numbers as Japanese texts write them: digits with commas and a point, and kanji with units, "1,234", "三千二百万".
//
// source: github.com/WorksApplications/sudachi.rs, sudachi/src/plugin/path_rewrite/join_numeric/numeric_parser.
#pragma once

#include <cstdint>
#include <string>

namespace cairn::data {

class NumberForm {
 public:
  // Why it is no number: a point or a comma where there can be none.
  enum class Fault { none, point, comma };

  void clear();
  bool append(char32_t c);  // false: this character cannot follow
  bool is_whole();          // whether what was appended is a number; call once, behind the last character
  Fault fault() const { return fault_; }
  std::string digits();  // after is_whole(): "32000000"

 private:
  // Digits, shifted by powers of ten, with a point somewhere or not.
  struct Part {
    std::string digits{};
    std::int64_t scale = 0;
    std::int64_t point = -1;  // in front of this digit
    bool only_zeros = true;

    bool is_empty() const { return digits.empty(); }
    void shift(int powers);
    bool add(Part& other);
    bool set_point();
    std::int64_t whole_digits();
    void settle();
  };
  bool comma_is_right() const;

  int digits_since_ = 0;  // a comma, a unit or the beginning
  bool first_ = true, comma_ = false, hanging_point_ = false;
  Fault fault_ = Fault::none;
  Part total_{}, below_large_unit_{}, latest_{};
};

}  // namespace cairn::data
