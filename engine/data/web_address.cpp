#include <algorithm>

#include "engine/data/letters.h"

namespace cairn::data {

bool is_web_address(std::span<const Letter> letters) {
  const std::size_t end = letters.size();
  std::size_t at = 0;
  const auto find = [&](char32_t point, std::size_t from) {
    while (from < end && letters[from].point != point) ++from;
    return from;
  };
  if (find('.', 0) == end) return false;
  const std::size_t colon = find(':', 0);
  if (colon > 1 && colon + 2 < end && letters[colon + 1].point == '/' && letters[colon + 2].point == '/') {
    const auto is_of_scheme = [](const Letter& letter) {
      const char32_t c = letter.point;
      return is_alpha(letter) || is_digit(letter) || c == '_' || c == '+' || c == '-' || c == '.';
    };
    const std::span<const Letter> scheme = letters.first(colon);
    if (std::all_of(scheme.begin(), scheme.end(), is_of_scheme)) at = colon + 3;
  }
  std::size_t stop = at;
  while (stop < end && letters[stop].point != '/' && letters[stop].point != '?' && letters[stop].point != '#') ++stop;
  for (std::size_t i = stop; i-- > at + 1;) {
    if (letters[i].point == '@') {
      at = i + 1;
      break;
    }
  }
  const std::size_t port = std::min(find(':', at), stop);
  if (port < stop && (stop - port < 3 || stop - port > 6)) return false;
  for (std::size_t i = port + 1; i < stop; ++i) {
    if (!is_digit(letters[i])) return false;
  }
  int labels = 0;
  bool last_is_lower = false;
  for (std::size_t label = at; label <= port;) {
    const std::size_t dot = std::min(find('.', label), port);
    if (dot == label) return false;
    last_is_lower = dot - label >= 2;
    for (std::size_t i = label; i < dot; ++i) {
      const Letter& letter = letters[i];
      const bool word = is_digit(letter) || (letter.point < 0x80 && is_alpha(letter)) || letter.point > 0xA0;
      if (!word && !(i > label && i + 1 < dot && (letter.point == '-' || letter.point == '_'))) return false;
      last_is_lower &= is_lower(letter);
    }
    ++labels;
    label = dot + 1;
  }
  return labels >= 2 && last_is_lower;
}

}  // namespace cairn::data
