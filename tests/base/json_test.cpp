#include "base/json.h"

#include <cmath>
#include <limits>

#include "base/disk.h"
#include "base/error.h"
#include "base/random.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

namespace {
std::string refusal(std::string_view text) {
  return error_of([&] { parse_json(text, "f"); });
}
std::string again(std::string_view text) {
  return canonical_json(parse_json(text, "f"));
}
}  // namespace

TEST_CASE("json: canonical text sorts keys by bytes and drops what means nothing") {
  CHECK(again(" { \"b\" : [ 1 , 2.50 , true , null ] , \"a\" : { } , \"B\":\"\" , \"é\":[] , \"z\":-0 } ") ==
        R"({"B":"","a":{},"b":[1,2.5,true,null],"z":0,"é":[]})");
  CHECK(again(R"("\u0041\u00e9\ud83d\ude00\/\"\\\b\f\n\r\t\u0001\u007f")") == "\"Aé😀/\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f\"");
  CHECK(again("\xEF\xBB\xBF[]") == "[]");
  CHECK(again(R"("\u0000")") == R"("\u0000")");
}

TEST_CASE("json: whole numbers stay integers, doubles stay doubles in their shortest form") {
  const std::pair<const char*, const char*> cases[] = {
      {"0", "0"},
      {"-7", "-7"},
      {"9223372036854775807", "9223372036854775807"},
      {"18446744073709551615", "18446744073709551615"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551616", "18446744073709551616.0"},  // beyond 64 bits: a double, and says so
      {"1000000000000000019884624838656", "1e+30"},
      {"1.0", "1.0"},
      {"1e3", "1000.0"},
      {"0.0003", "3e-04"},
      {"3e-4", "3e-04"},
      {"1e100", "1e+100"},
      {"-0.0", "-0.0"},
      {"0.1", "0.1"},
      {"5e-324", "5e-324"},
      {"2.2250738585072011e-308", "2.225073858507201e-308"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"1e-400", "0.0"},
      {"-1e-99999999999999999999", "-0.0"},
      {"0.000000000000000000000000000000000001", "1e-36"},
  };
  for (const auto& entry : cases) {
    const std::string text = entry.first;
    const std::string canonical = entry.second;
    CAPTURE(text);
    CHECK(again(text) == canonical);
    CHECK(again(canonical) == canonical);
  }
  CHECK(refusal("[1, 1e400]") == "f: line 1, column 5: the number is too large for a double");
  CHECK(refusal("-1e999999999999999999999") == "f: line 1, column 1: the number is too large for a double");
  CHECK(refusal(std::string(400, '9')) == "f: line 1, column 1: the number is too large for a double");
  CHECK(again(std::string(400, '9') + "e-400") == "1.0");
  CHECK(again("0." + std::string(400, '0') + "1") == "0.0");
}

TEST_CASE("json: 100k doubles of random bits survive text exactly, and so do values through parse and canonical") {
  const Random random(1, "json");
  int tested = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const std::uint64_t bits = random.bits(i);
    double number;
    std::memcpy(&number, &bits, 8);
    if (!std::isfinite(number)) continue;
    const Json value = parse_json(canonical_json(number), "f");
    REQUIRE(value.is_number_float());
    REQUIRE(std::memcmp(&value.get_ref<const double&>(), &number, 8) == 0);
    ++tested;
  }
  CHECK(tested > 90'000);
  const Json value = {
      {"a", {1, -2, 3.5, nullptr, true, "x\n\"é"}}, {"b", {{"c", Json::array()}, {"d", Json::object()}}}, {"", 1u}};
  CHECK(parse_json(canonical_json(value), "f") == value);
  CHECK(parse_json(pretty_json(value), "f") == value);
  CHECK(canonical_json(parse_json(canonical_json(value), "f")) == canonical_json(value));
}

TEST_CASE("json: pretty text for people") {
  CHECK(pretty_json(parse_json(R"({"b":[1,{"c":2}],"a":[],"d":{}})", "f")) == R"({
  "a": [],
  "b": [
    1,
    {
      "c": 2
    }
  ],
  "d": {}
}
)");
}

TEST_CASE("json: what has no text is refused when writing") {
  CHECK(error_of([] { canonical_json(std::numeric_limits<double>::quiet_NaN()); }) == "JSON has no NaN");
  CHECK(error_of([] { canonical_json({1, -std::numeric_limits<double>::infinity()}); }) == "JSON has no infinity");
  CHECK(error_of([] { canonical_json(std::string("ab\xff")); }) == "JSON: a string is not UTF-8 (byte 3 of 3)");
  CHECK(error_of([] { canonical_json(Json{{std::string("\xc0\x80"), 1}}); }) == "JSON: a string is not UTF-8 (byte 1 of 2)");
  CHECK(error_of([] { canonical_json(Json::binary({1, 2})); }) != "");
  Json deep;
  for (int i = 0; i < 257; ++i) deep = Json::array({std::move(deep)});
  CHECK(error_of([&] { canonical_json(deep); }) == "JSON is nested deeper than 256");
}

TEST_CASE("json: errors name line and column, what was expected and what was found") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "f: line 1, column 1: expected a value, found the end of the text"},
      {"  \n ", "f: line 2, column 2: expected a value, found the end of the text"},
      {"{\"lr\": 1,\n \"steps\": 2,\n \"lr\": 3}", "f: line 3, column 2: the key \"lr\" appears twice"},
      {"{\"\\u0061\":1,\"a\":2}", "f: line 1, column 13: the key \"a\" appears twice"},
      {"{\"a\": 1} x", "f: line 1, column 10: expected the end, found 'x'"},
      {"[1] [2]", "f: line 1, column 5: expected the end, found '['"},
      {"[1,]", "f: line 1, column 4: expected a value after ',', found ']'"},
      {"{\"a\":1,}", "f: line 1, column 8: expected a key after ',', found '}'"},
      {"[\"é\" 2]", "f: line 1, column 6: expected ',' or ']', found '2'"},
      {"{\"a\" 1}", "f: line 1, column 6: expected ':' after the key, found '1'"},
      {"{a: 1}", "f: line 1, column 2: expected a key in quotes, found 'a'"},
      {"{\n  \"a\": [1, 2\n", "f: line 2, column 8: this '[' is never closed"},
      {"{\"a\": 1", "f: line 1, column 1: this '{' is never closed"},
      {"[", "f: line 1, column 1: this '[' is never closed"},
      {"[1,", "f: line 1, column 1: this '[' is never closed"},
      {"{\"a\":1,", "f: line 1, column 1: this '{' is never closed"},
      {"[\"abc", "f: line 1, column 2: this string is never closed"},
      {"\"abc\\", "f: line 1, column 5: unknown escape in a string"},
      {"\"a\nb\"", "f: line 1, column 3: expected the end of the string, found the end of the line (write it as an escape)"},
      {"\"a\tb\"",
       "f: line 1, column 3: expected the end of the string, found the control character 0x09 (write it as an escape)"},
      {"\"\\x41\"", "f: line 1, column 2: unknown escape in a string"},
      {"\"\\u12g4\"", "f: line 1, column 2: expected four hex digits after \\u"},
      {"\"\\u12", "f: line 1, column 2: expected four hex digits after \\u"},
      {"\"\\u+123\"", "f: line 1, column 2: expected four hex digits after \\u"},
      {"\"\\ud800\"", "f: line 1, column 2: half of a surrogate pair stands alone"},
      {"\"\\ud800\\u0041\"", "f: line 1, column 2: half of a surrogate pair stands alone"},
      {"\"\\udc00\"", "f: line 1, column 2: half of a surrogate pair stands alone"},
      {"\"ab\xff\"", "f: line 1, column 4: the text is not UTF-8 here"},
      {"\"\xed\xa0\x80\"", "f: line 1, column 2: the text is not UTF-8 here"},
      {"[\xff]", "f: line 1, column 2: expected a value, found bytes that are not UTF-8"},
      {"NaN", "f: line 1, column 1: expected a value, found 'N'"},
      {"[Infinity]", "f: line 1, column 2: expected a value, found 'I'"},
      {"-Infinity", "f: line 1, column 2: expected a digit after '-', found 'I'"},
      {"nul", "f: line 1, column 1: expected a value, found 'n'"},
      {"truex", "f: line 1, column 5: expected the end, found 'x'"},
      {"01", "f: line 1, column 1: a number may not begin with 0"},
      {"1.", "f: line 1, column 3: expected a digit after '.', found the end of the text"},
      {".5", "f: line 1, column 1: expected a value, found '.'"},
      {"+1", "f: line 1, column 1: expected a value, found '+'"},
      {"1e+", "f: line 1, column 4: expected a digit in the exponent, found the end of the text"},
      {"'a'", "f: line 1, column 1: expected a value, found '''"},
      {"// no\n1", "f: line 1, column 1: expected a value, found '/'"},
  };
  for (const auto& entry : cases) {
    const std::string text = entry.first;
    const std::string message = entry.second;
    CAPTURE(text);
    CHECK(refusal(text) == message);
  }
  CHECK(refusal(std::string_view("[1\0]", 4)) == "f: line 1, column 3: expected ',' or ']', found the control character 0x00");
}

TEST_CASE("json: nested 256 deep is read, 257 is refused, a million brackets do no harm") {
  CHECK(again(std::string(256, '[') + std::string(256, ']')).size() == 512);
  CHECK(refusal(std::string(257, '[') + std::string(257, ']')) == "f: line 1, column 257: nested deeper than 256");
  CHECK(refusal(std::string(1'000'000, '[')) == "f: line 1, column 257: nested deeper than 256");
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
  CHECK(refusal(objects).find("nested deeper than 256") != std::string::npos);
}

TEST_CASE("json: every prefix and every single-byte change of a document is read or refused, never worse") {
  const std::string text = "{\"a\":[1,-2.5e-3,true,null,\"\\u00e9\\ud83d\\ude00 é\"],\"b\":{\"c\":{}}}";
  for (std::size_t i = 0; i < text.size(); ++i) CHECK(refusal(text.substr(0, i)) != "");
  int read = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[i] = static_cast<char>(byte);
      try {
        const Json value = parse_json(changed, "f");
        REQUIRE(parse_json(canonical_json(value), "f") == value);
        ++read;
      } catch (const Error&) {
      }
    }
  }
  CHECK(read > 500);
}

TEST_CASE("json: a file is read with its path in the errors") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "config.json";
  write_file_atomically(path, "{\"a\": 1}\n");
  CHECK(read_json(path) == Json{{"a", 1}});
  write_file_atomically(path, "{\n");
  CHECK(error_of([&] { read_json(path); }) == path.string() + ": line 1, column 1: this '{' is never closed");
  CHECK(error_of([&] { read_json(folder.path() / "no.json"); }) ==
        (folder.path() / "no.json").string() + ": cannot open: No such file or directory");
}

TEST_CASE("json: the plain values of an object by name") {
  const auto values = plain_values(parse_json(R"({"a":{"b":1,"c":{"d":"x","e":{}}},"l":[1,{"y":2}],"n":null,"t":true})", "test"));
  CHECK(values == std::map<std::string, Json>{
                      {"a.b", 1}, {"a.c.d", "x"}, {"a.c.e", Json::object()}, {"l", Json::array({1, {{"y", 2}}})}, {"t", true}});
}
