#include "base/utf8.h"

#include "base/random.h"
#include "tests/support/test.h"

using namespace cairn;

TEST_CASE("utf8: every code point survives, surrogates and what lies beyond are refused") {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code == 0xD800) code = 0xE000;
    std::string text;
    append_utf8(text, code);
    const CodePoint point = decode_utf8(text, 0);
    REQUIRE(point.value == code);
    REQUIRE(point.bytes == static_cast<int>(text.size()));
    REQUIRE(find_invalid_utf8(text) == std::string_view::npos);
    for (std::size_t cut = 1; cut < text.size(); ++cut) REQUIRE(decode_utf8(text.substr(0, cut), 0).bytes == 0);
  }
}

TEST_CASE("utf8: ill-formed sequences are refused where they begin") {
  for (const char* bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
                          "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xFE", "\xC3(",
                          "\xE2\x82(", "\xE2\x82"}) {
    CHECK(decode_utf8(bad, 0).bytes == 0);
    for (const std::size_t before : {0u, 1u, 7u, 8u, 9u, 20u})
      CHECK(find_invalid_utf8(std::string(before, 'a') + bad + "b") == before);
  }
}

TEST_CASE("utf8: long texts, damaged anywhere, are refused where a look at each character refuses them") {
  const auto first_bad = [](std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const int bytes = decode_utf8(text, at).bytes;
      if (bytes == 0) return at;
      at += static_cast<std::size_t>(bytes);
    }
    return std::string_view::npos;
  };
  Random random(1, "utf8");
  std::uint64_t drawn = 0;
  const auto below = [&](std::uint64_t n) { return random.below(drawn++, n); };
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::uint64_t size = below(400), kind = below(4);
    while (text.size() < size) {
      const std::uint64_t bytes = kind == 0 ? 1 : kind == 1 ? 1 + below(4) : kind == 2 ? 2 : 3;
      constexpr char32_t kFirst[] = {0x20, 0x80, 0x800, 0x10000}, kEnd[] = {0x7F, 0x800, 0xD800, 0x110000};
      append_utf8(text, kFirst[bytes - 1] + static_cast<char32_t>(below(kEnd[bytes - 1] - kFirst[bytes - 1])));
    }
    CHECK(find_invalid_utf8(text) == std::string_view::npos);
    if (text.empty()) continue;
    for (int change = 0; change < 3; ++change) {
      std::string bad = text;
      const std::size_t at = below(bad.size());
      constexpr unsigned char kHard[] = {0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF, 'a'};
      if (below(3) == 0)
        bad.resize(at);
      else if (below(2) == 0)
        bad.erase(at, 1);
      else
        bad[at] = static_cast<char>(below(2) == 0 ? below(256) : kHard[below(sizeof kHard)]);
      REQUIRE(find_invalid_utf8(bad) == first_bad(bad));
    }
  }
}

TEST_CASE("utf8: widths on a terminal") {
  const std::pair<char32_t, int> cases[] = {{U'a', 1},   {U'é', 1},   {0x301, 0},   {U'漢', 2},   {U'한', 2},
                                            {0x1160, 0}, {U'ａ', 2},  {U'ｱ', 1},    {0x1F600, 2}, {0x200D, 0},
                                            {0xFE0F, 0}, {0xAD, 0},   {U'─', 1},    {U'…', 1},    {0x0E31, 0},
                                            {0x093F, 1}, {0x0941, 0}, {0x20000, 2}, {0x3000, 2},  {0x05D0, 1}};
  for (const auto& entry : cases) {
    const auto code = entry.first;
    const auto width = entry.second;
    CAPTURE(static_cast<unsigned>(code));
    CHECK(display_width(code) == width);
  }
}
