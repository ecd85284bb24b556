#include "base/format.h"

#include <cmath>

#include "tests/support/test.h"

using namespace cairn;

TEST_CASE("format: sizes") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(812) == "812 B");
  CHECK(format_bytes(999) == "999 B");
  CHECK(format_bytes(1000) == "1.0 kB");
  CHECK(format_bytes(1'340'000'000) == "1.3 GB");
  CHECK(format_bytes(99'949'999) == "99.9 MB");
  CHECK(format_bytes(99'960'000) == "100 MB");
  CHECK(format_bytes(999'499) == "999 kB");
  CHECK(format_bytes(999'500) == "1.0 MB");
  CHECK(format_bytes(~std::uint64_t{0}) == "18.4 EB");
}

TEST_CASE("format: counts") {
  CHECK(format_count(0) == "0");
  CHECK(format_count(15) == "15");
  CHECK(format_count(999) == "999");
  CHECK(format_count(1000) == "1.00k");
  CHECK(format_count(42'100) == "42.1k");
  CHECK(format_count(3'200'000) == "3.20M");
  CHECK(format_count(999'499) == "999k");
  CHECK(format_count(999'500) == "1.00M");
  CHECK(format_count(15e12) == "15.0T");
  CHECK(format_count(8.05e9) == "8.05B");
  CHECK(format_count(1.5e18) == "1500000T");
  CHECK(format_count(0.25) == "0.25");
  CHECK(format_count(12.34) == "12.3");
  CHECK(format_count(-2500) == "-2.50k");
  CHECK(format_count(std::nan("")) == "nan");
  CHECK(format_count(-INFINITY) == "-inf");
}

TEST_CASE("format: durations never show 60 of anything") {
  CHECK(format_duration(0) == "0us");
  CHECK(format_duration(0.0004) == "400us");
  CHECK(format_duration(0.085) == "85ms");
  CHECK(format_duration(0.9996) == "1.0s");
  CHECK(format_duration(12.34) == "12.3s");
  CHECK(format_duration(59.94) == "59.9s");
  CHECK(format_duration(59.96) == "1m00s");
  CHECK(format_duration(200) == "3m20s");
  CHECK(format_duration(3599.6) == "1h00m");
  CHECK(format_duration(3840) == "1h04m");
  CHECK(format_duration(86399) == "1d00h");
  CHECK(format_duration(200'000) == "2d08h");
  CHECK(format_duration(-12.3) == "-12.3s");
  CHECK(format_duration(INFINITY) == "?");
}

TEST_CASE("format: times are UTC, also before 1970") {
  const std::int64_t time = 1'795'508'074'123'456;
  CHECK(format_time(time) == "2026-11-24 08:14:34");
  CHECK(format_iso8601(time) == "2026-11-24T08:14:34.123456Z");
  CHECK(format_iso8601(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_iso8601(-1) == "1969-12-31T23:59:59.999999Z");
  CHECK(format_iso8601(951'782'400'000'000) == "2000-02-29T00:00:00.000000Z");
  CHECK(now_microseconds() > time - 366LL * 86400 * 1'000'000);
}

TEST_CASE("table: columns align by what a terminal shows, numbers to the right") {
  TextTable table({"name", "documents", "rate"});
  table.add({"Zürich", "12", "1.3 GB"});
  table.add({"東京", "3.20M", "-"});
  table.add({"cafe\u0301", "7", "3m20s"});
  CHECK(table.render() ==
        "name    documents    rate\n"
        "Zürich         12  1.3 GB\n"
        "東京        3.20M       -\n"
        "cafe\u0301            7   3m20s\n");
}

TEST_CASE("table: a column with one word in it is text; digests and dates are text") {
  TextTable table({"a", "b", "c"});
  table.add({"1", "2026-11-24 08:14:34", "12ab34cd56ef"});
  table.add({"x", "2026-11-24", "1"});
  CHECK(table.render() ==
        "a  b                    c\n"
        "1  2026-11-24 08:14:34  12ab34cd56ef\n"
        "x  2026-11-24           1\n");
  TextTable numbers({"value"});
  for (const char* value : {"1", "-2.5", "3e-4", "1,234", "42.1k", "31%", "12.3s", "1h04m", "85ms", "1.3 GB", "42.1k tok/s", ""})
    numbers.add({value});
  CHECK(numbers.render().substr(0, 24) == "      value\n          1\n");
}

TEST_CASE("table: short rows, extra cells, no header, nothing at all") {
  TextTable table({"a", "b"});
  table.add({"x"});
  table.add({"x", "y", "z"});
  CHECK(table.render() == "a  b\nx\nx  y  z\n");
  TextTable bare({});
  bare.add({"left", "right"});
  CHECK(bare.render() == "left  right\n");
  CHECK(TextTable({}).render() == "");
  CHECK(TextTable({"only"}).render() == "only\n");
}

TEST_CASE("table: text that would move the cursor or is not UTF-8 is made harmless") {
  TextTable table({"t", "u"});
  table.add({"a\nb\x1b[31mc\x7f\r", "x"});
  table.add({"\xff\xc3", "y"});
  CHECK(table.render() == "t            u\na b [31mc    x\n\uFFFD\uFFFD           y\n");
}

TEST_CASE("table: lines are cut with an ellipsis, never through a wide character") {
  TextTable table({"name", "note"});
  table.add({"a", "東京都庁"});
  CHECK(table.render(10) == "name  note\na     東…\n");
  CHECK(table.render(11) == "name  note\na     東京…\n");
  CHECK(table.render(14) == "name  note\na     東京都庁\n");
  CHECK(cut_to_width("abc", 3) == "abc");
  CHECK(cut_to_width("abcd", 3) == "ab…");
  CHECK(cut_to_width("abcd", 1) == "…");
  CHECK(cut_to_width("abcd", 0) == "");
  CHECK(text_width("e\u0301東😀\u200d") == 5);
}
