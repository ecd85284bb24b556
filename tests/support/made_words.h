// Words to make texts of.
#pragma once

#include <cstdint>
#include <string>

namespace cairn::test {

// Of letters alone, another for each number: numbers in words are all the same to what compares texts.
inline std::string made_word(std::uint64_t number) {
  std::string word;
  for (; word.size() < 3 || number > 0; number /= 20)
    word += "bcdfghjklmnpqrstvwxz"[number % 20] + std::string(1, "aeiou"[number % 5]);
  return word;
}

}  // namespace cairn::test
