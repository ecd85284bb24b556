// What the fuzz tests share: valid inputs damaged by a fixed stream of numbers, so that a failure comes again.
//
// A parser may refuse what it is fed with an Error (or a type of its own that the test names); anything else that it throws fails
// the test, and what it reads or writes beyond its memory the sanitizers find. A short run is a test (suite fuzz-smoke);
// CAIRN_FUZZ_ROUNDS makes it longer.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "tests/support/test.h"

namespace cairn::test {

class Mutator {
 public:
  explicit Mutator(std::string_view name) : random_(1, name) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(index_++, n)); }

  // One to eight changes: bytes set, flipped, put in, taken out, cut off, said twice; numbers made large; syntax repeated.
  std::string mutate(std::string bytes) {
    for (std::size_t n = 1 + below(8); n > 0; --n) {
      const std::size_t at = bytes.empty() ? 0 : below(bytes.size());
      switch (below(9)) {
        case 0:
          if (!bytes.empty()) bytes[at] = static_cast<char>(below(256));
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 2:
          bytes.erase(at, 1 + below(20));
          break;
        case 3:
          if (below(4) == 0) bytes.resize(at);
          break;
        case 4:
          bytes.insert(at, bytes.substr(at, below(60)));
          break;
        case 5:
          bytes.insert(at, std::string(below(300), kSyntax[below(kSyntax.size())]));
          break;
        case 6:  // a word of a binary file becomes an extreme one
          for (std::size_t i = at, value = below(3); i < std::min(at + 8, bytes.size()); ++i) bytes[i] = "\x00\x7f\xff"[value];
          break;
        case 7: {  // a digit of a text becomes a hard number
          static constexpr const char* kNumbers[] = {"-1",   "0",   "1e400",     "9223372036854775807", "18446744073709551616",
                                                     "null", "1.5", "4294967296"};
          const std::size_t digit = bytes.find_first_of("0123456789", at);
          if (digit != std::string::npos) bytes.replace(digit, 1, kNumbers[below(std::size(kNumbers))]);
          break;
        }
        default:
          if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
          break;
      }
    }
    return bytes;
  }

 private:
  static constexpr std::string_view kSyntax = "<>&\"'{}[]:.@\\\xff\xe2\xf0 0a\n,-";

  Random random_;
  std::uint64_t index_ = 0;
};

// `standard` for a parser that takes microseconds; fewer for slower ones.
inline int fuzz_rounds(int standard = 2000) {
  const char* set = std::getenv("CAIRN_FUZZ_ROUNDS");
  return set ? static_cast<int>(std::atoll(set) * standard / 2000) : standard;
}

struct NothingElse {};

// Feeds `parse` the seeds as they are, which it must take, and then damaged. `name` picks the stream of numbers; `Refusal` is
// what the parser may throw beside Error.
template <typename Refusal = NothingElse, typename Parse>
void feed(std::string_view name, const std::vector<std::string>& seeds, int rounds, Parse&& parse) {
  for (const std::string& seed : seeds) CHECK_NOTHROW(parse(seed));
  Mutator mutator(name);
  for (int round = 0; round < rounds; ++round) {
    const std::string bytes = mutator.mutate(seeds[static_cast<std::size_t>(round) % seeds.size()]);
    try {
      parse(bytes);
    } catch (const Error&) {
    } catch (const Refusal&) {
    } catch (const std::exception& other) {
      FAIL_CHECK(fmt::format("{}, round {}: {}: {}; input: {}", name, round, typeid(other).name(), other.what(), bytes));
    }
  }
}

}  // namespace cairn::test
