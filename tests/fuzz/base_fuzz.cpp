// JSON, and configs read against a schema.
#include "base/json.h"
#include "base/schema.h"
#include "tests/fuzz/fuzz.h"

using namespace cairn;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

TEST_CASE("fuzz: JSON is refused or has one canonical text") {
  feed("json",
       {R"({"a": [1, -2.5e3, true, null, {"b": "\u00e9\ud83d\ude00 \"\\\n"}], "c": {}, "d": 18446744073709551615, "e": 0.1})",
        "[[[[[[[[1]]]]]]]]", "\"\xc3\xa9\""},
       fuzz_rounds(20000), [](const std::string& bytes) {
         const Json value = parse_json(bytes, "x");
         const std::string text = canonical_json(value);
         CHECK(canonical_json(parse_json(text, "y")) == text);
       });
}

TEST_CASE("fuzz: a config is refused or complete") {
  const Schema schema =
      object({field("steps", integer().min(1).max(1e6), ""), field("lr", number().above(0).def(3e-4), ""),
              field("name", string().min(1).def("n"), ""), field("kind", string().one_of({"a", "b"}).def("a"), ""),
              field("filters",
                    list(tagged("name", {{"x", {field("n", integer().def(1), "")}, ""}, {"y", {}, ""}})).def(Json::array()), ""),
              field("free", map(list(boolean())).def(Json::object()), ""), field("any", anything().def(nullptr), "")});
  feed(
      "config",
      {R"({"steps": 3, "lr": 1e-3, "name": "q", "kind": "b", "filters": [{"name": "x", "n": 2}, {"name": "y"}], "free": {"k": [true]}})"},
      fuzz_rounds(10000), [&](const std::string& bytes) {
        const Json complete = schema.complete(parse_json(bytes, "x"), "config");
        const Json again = schema.complete(complete, "config");
        CHECK(again == complete);
      });
}
