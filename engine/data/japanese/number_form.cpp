#include "engine/data/japanese/number_form.h"

#include <string_view>

namespace cairn::data {

namespace {

constexpr int kNoNumber = 100;

// A digit, or less than 0: minus the power of ten of a unit.
int value_of(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  constexpr std::u32string_view kDigits = U"\u3007\u4E00\u4E8C\u4E09\u56DB\u4E94\u516D\u4E03\u516B\u4E5D";
  if (const std::size_t digit = kDigits.find(c); digit != kDigits.npos) return static_cast<int>(digit);
  switch (c) {
    case U'\u5341':
      return -1;
    case U'\u767E':
      return -2;
    case U'\u5343':
      return -3;
    case U'\u4E07':
      return -4;
    case U'\u5104':
      return -8;
    case U'\u5146':
      return -12;
    default:
      return kNoNumber;
  }
}

}  // namespace

void NumberForm::Part::shift(int powers) {
  if (is_empty()) digits.push_back('1');
  scale += powers;
}

bool NumberForm::Part::add(Part& other) {
  if (other.is_empty()) return true;
  if (is_empty()) {
    digits = other.digits;
    scale = other.scale;
    point = other.point;
    return true;
  }
  settle();
  const std::int64_t length = other.whole_digits();
  if (scale < length) return false;
  digits.append(static_cast<std::size_t>(scale - length), '0');
  if (other.point >= 0) point = static_cast<std::int64_t>(digits.size()) + other.point;
  digits += other.digits;
  scale = other.scale;
  return true;
}

bool NumberForm::Part::set_point() {
  if (scale != 0 || point >= 0) return false;
  point = static_cast<std::int64_t>(digits.size());
  return true;
}

std::int64_t NumberForm::Part::whole_digits() {
  settle();
  return point >= 0 ? point : static_cast<std::int64_t>(digits.size()) + scale;
}

// The point goes right as far as the scale moves it.
void NumberForm::Part::settle() {
  if (point < 0) return;
  const std::int64_t behind = static_cast<std::int64_t>(digits.size()) - point;
  if (behind > scale) {
    point += scale;
    scale = 0;
  } else {
    scale -= behind;
    point = -1;
  }
}

void NumberForm::clear() {
  *this = NumberForm();
}

bool NumberForm::append(char32_t c) {
  if (c == '.') {
    hanging_point_ = true;
    if (first_) return fault_ = Fault::point, false;
    if (comma_ && !comma_is_right()) return fault_ = Fault::comma, false;
    if (!latest_.set_point()) return fault_ = Fault::point, false;
    comma_ = false;
    return true;
  }
  if (c == ',') {
    if (!comma_is_right()) return fault_ = Fault::comma, false;
    comma_ = true;
    digits_since_ = 0;
    return true;
  }
  const int value = value_of(c);
  if (value == kNoNumber) return false;
  if (value >= 0) {
    latest_.only_zeros &= value == 0;
    latest_.digits += static_cast<char>('0' + value);
    first_ = false;
    ++digits_since_;
    hanging_point_ = false;
    return true;
  }
  if (value >= -3) {
    latest_.shift(-value);
    if (!below_large_unit_.add(latest_)) return false;
  } else {
    if (!below_large_unit_.add(latest_) || below_large_unit_.is_empty()) return false;
    below_large_unit_.shift(-value);
    if (!total_.add(below_large_unit_)) return false;
    below_large_unit_ = Part();
  }
  latest_ = Part();
  first_ = true;
  digits_since_ = 0;
  comma_ = false;
  return true;
}

bool NumberForm::is_whole() {
  const bool adds_up = below_large_unit_.add(latest_) && total_.add(below_large_unit_);
  if (hanging_point_) return fault_ = Fault::point, false;
  if (comma_ && digits_since_ != 3) return fault_ = Fault::comma, false;
  return adds_up;
}

std::string NumberForm::digits() {
  if (total_.is_empty()) return "0";
  total_.settle();
  if (total_.scale > 0) {
    total_.digits.append(static_cast<std::size_t>(total_.scale), '0');
  } else if (total_.point >= 0) {
    const auto point = static_cast<std::size_t>(total_.point);
    std::string text = point == 0 ? "0" : total_.digits.substr(0, point);
    text += '.';
    text += std::string_view(total_.digits).substr(point);
    text.resize(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
  }
  return total_.digits;
}

bool NumberForm::comma_is_right() const {
  if (first_) return false;
  if (!comma_) return digits_since_ <= 3 && !latest_.is_empty() && !latest_.only_zeros;
  return digits_since_ == 3;
}

}  // namespace cairn::data
