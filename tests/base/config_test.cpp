#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

namespace {
Config example() {
  return Config(parse_json(
      R"({"flag": true, "n": 7, "x": 1.5, "name": "é", "words": ["a", "b"], "xs": [1, 2.5], "ns": [1, -2], "none": null,
                               "inner": {"n": 8}, "items": [{"n": 1}, {"n": 2}]})",
      "f"));
}
}  // namespace

TEST_CASE("config: typed reading") {
  const Config config = example();
  CHECK(config.boolean("flag"));
  CHECK(config.integer("n") == 7);
  CHECK(config.number("n") == 7.0);
  CHECK(config.number("x") == 1.5);
  CHECK(config.string("name") == "é");
  CHECK(config.strings("words") == std::vector<std::string>{"a", "b"});
  CHECK(config.numbers("xs") == std::vector<double>{1, 2.5});
  CHECK(config.integers("ns") == std::vector<std::int64_t>{1, -2});
  CHECK(config.has("n"));
  CHECK_FALSE(config.has("none"));
  CHECK_FALSE(config.has("absent"));
  CHECK(config.object("inner").integer("n") == 8);
  REQUIRE(config.objects("items").size() == 2);
  CHECK(config.objects("items")[1].integer("n") == 2);
  CHECK(config.json("none").is_null());
  Config copy = config;
  copy = config.object("inner");
  CHECK(copy.integer("n") == 8);
  CHECK(config.integer("n") == 7);
  const Config& self = copy;
  copy = self;
  CHECK(copy.integer("n") == 8);
}

TEST_CASE("config: wrong names and types are errors that name the path") {
  const Config config = example();
  CHECK(error_of([&] { config.integer("absent"); }) == "config.absent: read, but not in the config");
  CHECK(error_of([&] { config.integer("x"); }) == "config.x: read as an integer, but it is number");
  CHECK(error_of([&] { config.integer("none"); }) == "config.none: read as an integer, but it is null");
  CHECK(error_of([&] { config.strings("xs"); }) == "config.xs[0]: read as a string, but it is number");
  CHECK(error_of([&] { config.integers("n"); }) == "config.n: read as a list, but it is number");
  CHECK(error_of([&] { config.object("n"); }) == "config.n: read as an object, but it is number");
  CHECK(error_of([&] { config.objects("items")[0].boolean("n"); }) ==
        "config.items[0].n: read as true or false, but it is number");
  CHECK(error_of([&] { Config(Json(1), "c").integer("n"); }) == "c: read as an object, but it is number");
}
