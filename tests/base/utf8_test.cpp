#include "base/utf8.h"

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
