#include "engine/text/bpe.h"

#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <utility>

#include "base/memory_use.h"
#include "base/random.h"
#include "tests/support/test.h"

namespace cairn::text {

TEST_CASE("bpe: words of any length merge pair by pair, the lowest rank first, of equals the leftmost") {
  // Ranks as drawn: also those of which stale candidates pile up, and several pairs of one rank, as tiktoken's files have them.
  for (std::uint64_t draw = 0; draw < 40; ++draw) {
    const Random random(draw, "merges");
    std::uint64_t drawn = 0;
    const auto below = [&](std::uint64_t n) { return random.below(drawn++, n); };
    std::map<std::pair<TokenId, TokenId>, std::pair<std::uint32_t, TokenId>> pairs;
    MergeTable merges(60);
    for (TokenId result = 3; result < 63; ++result) {
      const auto left = static_cast<TokenId>(below(static_cast<std::uint64_t>(result)));
      const auto right = static_cast<TokenId>(below(static_cast<std::uint64_t>(result)));
      const auto rank = static_cast<std::uint32_t>(draw % 2 ? below(20) : below(1000));
      if (!pairs.try_emplace({left, right}, rank, result).second) continue;
      merges.set(left, right, rank, result);
    }
    std::vector<TokenId> symbols;
    const std::size_t count = 49 + below(draw < 20 ? 100 : 2000);
    for (std::size_t i = 0; i < count; ++i) symbols.push_back(static_cast<TokenId>(below(draw % 3 + 1)));
    std::vector<TokenId> expected = symbols;
    for (;;) {
      std::size_t best = expected.size();
      std::uint32_t rank = MergeTable::kNone;
      for (std::size_t i = 0; i + 1 < expected.size(); ++i) {
        const auto pair = pairs.find({expected[i], expected[i + 1]});
        if (pair != pairs.end() && pair->second.first < rank) best = i, rank = pair->second.first;
      }
      if (best == expected.size()) break;
      expected[best] = pairs.at({expected[best], expected[best + 1]}).second;
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    std::vector<TokenId> out = {-7};
    merge_symbols(merges, symbols.data(), symbols.size(), out);
    CHECK(out.front() == -7);
    CHECK(std::vector<TokenId>(out.begin() + 1, out.end()) == expected);
  }
}

TEST_CASE("bpe: a word of 16 MB takes 24 bytes of memory for each of its own, beside its symbols") {
#ifdef __SANITIZE_ADDRESS__
  SKIP_TEST("a sanitizer keeps what was freed");
#endif
  // Merges whose candidates are dropped late, and a word all of them apply to.
  MergeTable merges(8);
  constexpr std::size_t kSymbols = std::size_t{1} << 24;
  merges.set(0, 1, 0, 2);    // ab
  merges.set(2, 2, 1, 3);    // abab
  merges.set(1, 0, 100, 4);  // ba: always too late
  merges.set(2, 0, 101, 5);
  merges.set(3, 3, 2, 6);
  merges.set(3, 2, 102, 7);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::vector<TokenId> symbols(kSymbols), out;
    for (std::size_t i = 0; i < kSymbols; ++i) symbols[i] = static_cast<TokenId>(i % 2);
    const std::uint64_t before = peak_resident_bytes();
    merge_symbols(merges, symbols.data(), symbols.size(), out);
    const std::uint64_t taken = peak_resident_bytes() - before;
    _exit(out.size() == kSymbols / 8 && taken <= kSymbols * 24 + (1 << 22) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace cairn::text
