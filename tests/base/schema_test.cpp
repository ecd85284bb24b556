#include "base/schema.h"

#include "base/error.h"
#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

namespace {

Schema example() {
  return object({
      field("steps", integer().min(1), "optimizer steps"),
      field("lr", number().above(0).max(1).def(3e-4), "peak learning rate"),
      field("warmup", integer().min(0).def(nullptr), "steps of warm-up"),
      field("kind", string().one_of({"adamw", "ademamix"}).def("adamw"), "optimizer"),
      field("betas", list(number().min(0).max(1)).min(2).max(3).def({0.9, 0.95}), "decay rates"),
      field(
          "model",
          object({field("preset", string().def("tiny"), "name"), field("dropout", number().def(0), "share")}).def(Json::object()),
          "model"),
      field("filters",
            list(tagged("filter", {{"length", {field("threshold", integer().def(10), "words")}, "by length"},
                                   {"licence", {field("allow", list(string()), "names")}, "by licence"}}))
                .def(Json::array()),
            "in order"),
      field("labels", map(string().min(1)).def(Json::object()), "free"),
      field("flag", boolean().def(false), "a switch"),
      field("extra", anything().def(nullptr), "kept"),
  });
}

Json complete(std::string_view text) {
  return example().complete(parse_json(text, "f"), "config");
}
std::string refusal(std::string_view text) {
  return error_of([&] { complete(text); });
}

}  // namespace

TEST_CASE("schema: defaults are written out at every depth, and spelling them out changes nothing") {
  const Json least = complete(R"({"steps": 5})");
  CHECK(canonical_json(least) ==
        R"({"betas":[0.9,0.95],"extra":null,"filters":[],"flag":false,"kind":"adamw","labels":{},"lr":3e-04,)"
        R"("model":{"dropout":0.0,"preset":"tiny"},"steps":5,"warmup":null})");
  CHECK(canonical_json(example().complete(least, "config")) == canonical_json(least));
  CHECK(canonical_json(complete(R"({"steps": 5e0, "model": {"dropout": 0}, "lr": 3e-4, "warmup": null})")) ==
        canonical_json(least));
  CHECK(complete(R"({"steps": 5, "filters": [{"filter": "length"}]})")["filters"] ==
        parse_json(R"([{"filter":"length","threshold":10}])", "f"));
  CHECK(canonical_json(complete(R"({"steps": 1e3, "lr": 1})")["steps"]) == "1000");
  CHECK(canonical_json(complete(R"({"steps": 1, "lr": 1})")["lr"]) == "1.0");
  CHECK(complete(R"({"steps": 1, "extra": {"any": [1]}})")["extra"] == parse_json(R"({"any":[1]})", "f"));
}

TEST_CASE("schema: errors name the path, what was expected and what was found") {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "config.steps: missing; expected an integer >= 1 (optimizer steps)"},
      {R"([])", "config: expected an object, found a list"},
      {R"({"steps": 0})", "config.steps: expected an integer >= 1, found 0"},
      {R"({"steps": 1.5})", "config.steps: expected an integer >= 1, found 1.5"},
      {R"({"steps": "5"})", "config.steps: expected an integer >= 1, found \"5\""},
      {R"({"steps": true})", "config.steps: expected an integer >= 1, found true"},
      {R"({"steps": null})", "config.steps: expected an integer >= 1, found null"},
      {R"({"steps": 18446744073709551615})", "config.steps: expected an integer >= 1, found 18446744073709551615"},
      {R"({"steps": 1e300})", "config.steps: expected an integer >= 1, found 1e+300"},
      {R"({"steps": 1, "lr": 0})", "config.lr: expected a number > 0 and <= 1, found 0"},
      {R"({"steps": 1, "lr": "high"})", "config.lr: expected a number > 0 and <= 1, found \"high\""},
      {R"({"steps": 1, "lr": null})", "config.lr: expected a number > 0 and <= 1, found null"},
      {R"({"steps": 1, "warmup": -1})", "config.warmup: expected an integer >= 0 or null, found -1"},
      {R"({"steps": 1, "kind": "adamv"})",
       "config.kind: expected one of 'adamw', 'ademamix', found \"adamv\". Did you mean 'adamw'?"},
      {R"({"steps": 1, "kind": "sgd"})", "config.kind: expected one of 'adamw', 'ademamix', found \"sgd\""},
      {R"({"steps": 1, "betas": [0.9]})", "config.betas: expected a list of length from 2 to 3, found 1 item"},
      {R"({"steps": 1, "betas": [0.9, 2]})", "config.betas[1]: expected a number from 0 to 1, found 2"},
      {R"({"steps": 1, "betas": {}})", "config.betas: expected a list of length from 2 to 3, found an object"},
      {R"({"steps": 1, "step": 2})", "config.step: unknown field. Did you mean 'steps'?"},
      {R"({"steps": 1, "model": {"perset": "x"}})", "config.model.perset: unknown field. Did you mean 'preset'?"},
      {R"({"steps": 1, "model": {"zzz": 1}})", "config.model.zzz: unknown field. Known here: preset, dropout"},
      {R"({"steps": 1, "filters": [{"filter": "length"}, {"filter": "length", "thresold": 1}]})",
       "config.filters[1].thresold: unknown field. Did you mean 'threshold'?"},
      {R"({"steps": 1, "filters": [{}]})", "config.filters[0].filter: missing; expected one of 'length', 'licence'"},
      {R"({"steps": 1, "filters": [{"filter": "lenght"}]})",
       "config.filters[0].filter: expected one of 'length', 'licence', found \"lenght\". Did you mean 'length'?"},
      {R"({"steps": 1, "filters": [{"filter": "licence"}]})", "config.filters[0].allow: missing; expected a list (names)"},
      {R"({"steps": 1, "filters": ["length"]})", "config.filters[0]: expected an object, found \"length\""},
      {R"({"steps": 1, "labels": {"a b": ""}})", "config.labels[\"a b\"]: expected a string of length >= 1, found \"\""},
      {R"({"steps": 1, "flag": 1})", "config.flag: expected true or false, found 1"},
  };
  for (const auto& entry : cases) {
    const std::string text = entry.first;
    const std::string message = entry.second;
    CAPTURE(text);
    CHECK(refusal(text) == message);
  }
  try {
    complete("{}");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::usage);
  }
  const std::string text(100, 'x');
  CHECK(refusal(R"({"steps": ")" + text + "\"}") ==
        "config.steps: expected an integer >= 1, found \"" + text.substr(0, 49) + "…\"");
}

TEST_CASE("schema: a value that JSON cannot say is refused too") {
  CHECK(error_of([] { number().complete(std::numeric_limits<double>::quiet_NaN(), "x"); }) == "x: expected a number, found NaN");
  CHECK(error_of([] { integer().complete(std::numeric_limits<double>::infinity(), "x"); }) != "");
  CHECK(error_of([] { integer().complete(std::numeric_limits<double>::quiet_NaN(), "x"); }) != "");
}

TEST_CASE("schema: builders leave the original alone, twins are refused, a wrong default is found") {
  const Schema plain = integer();
  const Schema bounded = plain.min(5);
  CHECK(plain.complete(1, "x") == 1);
  CHECK(error_of([&] { bounded.complete(1, "x"); }) == "x: expected an integer >= 5, found 1");
  CHECK(error_of([] { object({field("a", integer(), ""), field("a", string(), "")}); }) == "a schema names the field 'a' twice");
  CHECK(error_of([] { tagged("t", {{"v", {field("t", string(), "")}, ""}}); }) == "a schema names the field 't' twice");
  CHECK(error_of([] { object({field("a", integer().def("x"), "")}).complete(Json::object(), "c"); }) ==
        "c.a: expected an integer, found \"x\"");
  CHECK(error_of([] { object({}).complete({{"a", 1}}, "c"); }) == "c.a: unknown field. There are none here");
}

TEST_CASE("schema: described as a table") {
  const std::string text = example().describe();
  CAPTURE(text);
  CHECK(text.find("steps                       integer         (required)  >= 1") != std::string::npos);
  CHECK(text.find("adamw | ademamix") != std::string::npos);
  CHECK(text.find("filters[].filter = length") != std::string::npos);
  CHECK(text.find("model.preset") != std::string::npos);
  CHECK(text.find("length from 2 to 3; each from 0 to 1") != std::string::npos);
}

TEST_CASE("schema: as JSON Schema") {
  const Json schema = example().json_schema();
  CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  CHECK(schema["additionalProperties"] == false);
  CHECK(schema["required"] == Json::array({"steps"}));
  const Json& properties = schema["properties"];
  CHECK(properties["steps"] == parse_json(R"({"type":"integer","minimum":1,"description":"optimizer steps"})", "f"));
  CHECK(properties["lr"] ==
        parse_json(R"({"type":"number","exclusiveMinimum":0,"maximum":1,"default":0.0003,"description":"peak learning rate"})",
                   "f"));
  CHECK(
      properties["warmup"] ==
      parse_json(R"({"anyOf":[{"type":"integer","minimum":0},{"type":"null"}],"default":null,"description":"steps of warm-up"})",
                 "f"));
  CHECK(properties["kind"]["enum"] == Json::array({"adamw", "ademamix"}));
  CHECK(properties["betas"]["minItems"] == 2);
  CHECK(properties["labels"]["additionalProperties"] == parse_json(R"({"type":"string","minLength":1})", "f"));
  const Json& variants = properties["filters"]["items"]["oneOf"];
  REQUIRE(variants.size() == 2);
  CHECK(variants[1]["properties"]["filter"] == parse_json(R"({"const":"licence"})", "f"));
  CHECK(variants[1]["required"] == Json::array({"allow", "filter"}));
  CHECK(variants[0]["required"] == Json::array({"filter"}));
}

TEST_CASE("nearest name: typos are found, other words are not") {
  const std::vector<std::string> names = {"threshold", "steps", "lr", "seed", "vocab_size"};
  CHECK(nearest_name("thresold", names) == "threshold");
  CHECK(nearest_name("threshodl", names) == "threshold");
  CHECK(nearest_name("step", names) == "steps");
  CHECK(nearest_name("vocabsize", names) == "vocab_size");
  CHECK(nearest_name("lrr", names) == "lr");
  CHECK(nearest_name("epochs", names) == "");
  CHECK(nearest_name("", names) == "");
  CHECK(nearest_name("x", {"y"}) == "");
  CHECK(nearest_name(std::string(100'000, 'a'), names) == "");
}
