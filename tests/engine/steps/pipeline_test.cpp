#include "engine/steps/pipeline.h"

#include <fstream>

#include "base/error.h"
#include "engine/steps/step_context.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::steps;

namespace {

void nothing(StepContext&) {}

StepRegistry make_registry() {
  StepRegistry registry;
  registry.add({.name = "ingest",
                .outputs = {{"documents", "documents", ""}},
                .config = object({field("path", string().def("docs"), "")}),
                .run = nothing});
  registry.add(
      {.name = "curate",
       .inputs = {{"documents", "documents", "what to filter"}, {"more", "documents", "", true, true}},
       .outputs = {{"documents", "documents", ""}, {"report", "report", ""}},
       .config = object({field("filters", list(object({field("threshold", number().def(0.5), "")})).def(Json::array()), "")}),
       .runtime = object({field("threads", integer().def(1), "")}),
       .run = nothing});
  registry.add({.name = "train",
                .inputs = {{"data", "documents", "what to read"}},
                .outputs = {{"checkpoint", "checkpoint", ""}},
                .config = object({field("lr", number().def(0.1), ""),
                                  field("model", object({field("width", integer().def(8), "")}).def(Json::object()), "")}),
                .run = nothing});
  return registry;
}

const StepRegistry& registry() {
  static const StepRegistry steps = make_registry();
  return steps;
}

constexpr const char* kDemo = R"({"pipeline": "demo", "seed": 7, "steps": {
  "base": {"step": "train", "inputs": {"data": "clean.documents"}, "seed": 3},
  "clean": {"step": "curate", "inputs": {"documents": "corpus"}},
  "corpus": {"step": "ingest"}}})";

Pipeline parse(const std::string& text, const std::vector<std::string>& settings = {}) {
  return parse_pipeline(parse_json(text, "demo.json"), "demo.json", "/folder", settings, registry());
}

std::string error_of(const std::string& text, const std::vector<std::string>& settings = {}) {
  return test::error_of([&] { parse(text, settings); });
}

std::vector<std::string> names(const Pipeline& pipeline) {
  std::vector<std::string> names;
  for (const PipelineStep& step : pipeline.steps) names.push_back(step.name);
  return names;
}

const PipelineStep& step_of(const Pipeline& pipeline, const std::string& name) {
  for (const PipelineStep& step : pipeline.steps) {
    if (step.name == name) return step;
  }
  throw Error("no step " + name);
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  const bool found = text.find(part) != std::string::npos;
  CHECK_MESSAGE(found, text);
  return found;
}

}  // namespace

TEST_CASE("a pipeline is put in order, with configs completed and seeds given") {
  const Pipeline demo = parse(kDemo);
  CHECK(demo.name == "demo");
  CHECK(names(demo) == std::vector<std::string>{"corpus", "clean", "base"});
  CHECK(step_of(demo, "clean").config == Json{{"filters", Json::array()}});
  CHECK(step_of(demo, "clean").runtime == Json{{"threads", 1}});
  CHECK(step_of(demo, "clean").seed == 7);
  CHECK(step_of(demo, "base").seed == 3);
  CHECK(step_of(demo, "clean").inputs.at("documents").front().output == "documents");
}

TEST_CASE("--set changes config, runtime, seeds and inputs; values are JSON or else text") {
  const Pipeline demo =
      parse(kDemo, {"base.config.model.width=64", "corpus.config.path=a b", "seed=9", "base.seed=11", "clean.runtime.threads=4",
                    "clean.config.filters[0].threshold=0.25", "base.inputs.data=corpus.documents"});
  CHECK(step_of(demo, "base").config.at("model").at("width") == 64);
  CHECK(step_of(demo, "corpus").config.at("path") == "a b");
  CHECK(step_of(demo, "corpus").seed == 9);
  CHECK(step_of(demo, "base").seed == 11);
  CHECK(step_of(demo, "clean").runtime.at("threads") == 4);
  CHECK(step_of(demo, "clean").config.at("filters").at(0).at("threshold") == 0.25);
  CHECK(step_of(demo, "base").inputs.at("data").front().step == "corpus");
  has(error_of(kDemo, {"bse.config.lr=1"}), "no step 'bse'. Did you mean 'base'?");
  has(error_of(kDemo, {"base.lr=1"}), "Did you mean 'base.config.lr'?");
  has(error_of(kDemo, {"base"}), "expected KEY=VALUE");
  has(error_of(kDemo, {"clean.config.filters[5].threshold=1"}), "the next index is 0");
  has(error_of(kDemo, {"base.config.lr.x.y=1"}), "base: config.lr");
}

TEST_CASE("errors of a pipeline name the step and what was meant") {
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "curate", "inputs": {"documents": "b.documents"}},
                                              "b": {"step": "curate", "inputs": {"documents": "c.documents"}},
                                              "c": {"step": "curate", "inputs": {"documents": "a.documents"}}}})"),
      "demo.json: the steps go in a circle: a -> b -> c -> a");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "curate", "inputs": {"documents": "a.documents"}}}})"), "a -> a");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingst"}}})"),
      "demo.json: a: there is no step 'ingst'. Did you mean 'ingest'?");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingest", "confg": {}}}})"), "Did you mean 'config'?");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingest", "config": {"pth": "x"}}}})"),
      "a: config.pth: unknown field. Did you mean 'path'?");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "curate"}}})"),
      "a: step curate needs the input 'documents' (documents: what to filter)");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "curate", "inputs": {"document": "x@1"}}}})"),
      "Did you mean 'documents'?");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingest", "inputs": {"document": "x@1"}}}})"), "it takes none");
  has(error_of(
          R"({"pipeline": "p", "steps": {"a": {"step": "ingest"}, "b": {"step": "curate", "inputs": {"documents": "a.document"}}}})"),
      "b: inputs.documents: a (step ingest) has no output 'document'. Did you mean 'documents'?");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingest"}, "c": {"step": "curate", "inputs": {"documents": "a"}},
                                              "b": {"step": "train", "inputs": {"data": "c.report"}}}})"),
      "b: inputs.data: expected an artifact of kind documents, 'c.report' is report");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "curate", "inputs": {"documents": ["x@1", "y@1"]}}}})"),
      "expected one artifact, found 2");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "curate", "inputs": {"documents": 3}}}})"), "found 3");
  has(error_of(R"({"pipeline": "p", "steps": {"a.b": {"step": "ingest"}}})"), "'a.b' cannot be a name");
  has(error_of(R"({"pipeline": "p", "steps": {}})"), "no steps");
  has(error_of(R"({"steps": {"a": {"step": "ingest"}}})"), "pipeline");
  has(error_of(R"([1])"), "expected a pipeline");
}

TEST_CASE("inputs from outside the pipeline are left for the workspace, with a hint where a typo is likely") {
  const Pipeline pipeline = parse(R"({"pipeline": "p", "steps": {"a": {"step": "ingest"},
      "b": {"step": "curate", "inputs": {"documents": "aa.documents", "more": ["base@3", "./x", "sha256:00ff00"]}}}})");
  const PipelineStep& b = step_of(pipeline, "b");
  CHECK(b.inputs.at("documents").front().step.empty());
  CHECK(b.inputs.at("documents").front().hint == "a.documents");
  CHECK(b.inputs.at("more").size() == 3);
  CHECK(names_path("./x"));
  CHECK_FALSE(names_path("x"));
}

TEST_CASE("matrix multiplies the named step and all that depend on it") {
  const std::string text = R"({"pipeline": "p", "steps": {
      "corpus": {"step": "ingest"},
      "clean": {"step": "curate", "inputs": {"documents": "corpus"}},
      "base": {"step": "train", "inputs": {"data": "clean.documents"}}},
    "matrix": {"base.config.lr": [0.5, 1], "clean.config.filters": {"loose": [], "tight": [{"threshold": 0.9}]}}})";
  const Pipeline grid = parse(text);
  CHECK(grid.steps.size() == 1 + 2 + 4);
  const PipelineStep& base = step_of(grid, "base-lr-0_5-tight");
  CHECK(base.config.at("lr") == 0.5);
  CHECK(base.inputs.at("data").front().text == "clean-tight.documents");
  CHECK(step_of(grid, "clean-tight").config.at("filters").size() == 1);
  CHECK(step_of(grid, "clean-loose").inputs.at("documents").front().text == "corpus");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingest"}}, "matrix": {"b.config.path": ["x"]}})"), "no step 'b'");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingest"}}, "matrix": {"a.config.path": "x"}})"), "expected a list");
  has(error_of(R"({"pipeline": "p", "steps": {"a": {"step": "ingest"}}, "matrix": {"a.config.path": ["x y", "x_y"]}})"),
      "two steps would be called");
}

TEST_CASE("extends is a merge patch; paths stay relative to the file that first names their step") {
  test::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "variants");
  std::ofstream(folder.path() / "demo.json") << kDemo;
  std::ofstream(folder.path() / "variants/small.json")
      << R"({"extends": "../demo.json", "pipeline": "small", "steps": {"base": {"config": {"lr": 0.2}, "seed": null}, "other": {"step": "ingest"}}})";
  const Pipeline small = read_pipeline(folder.path() / "variants/small.json", {}, registry());
  CHECK(small.name == "small");
  CHECK(step_of(small, "base").config.at("lr") == 0.2);
  CHECK(step_of(small, "base").seed == 7);
  CHECK(step_of(small, "corpus").folder == folder.path());
  CHECK(step_of(small, "other").folder == folder.path() / "variants");
  std::ofstream(folder.path() / "variants/loop.json") << R"({"extends": "loop.json", "pipeline": "x"})";
  has(test::error_of([&] { read_pipeline(folder.path() / "variants/loop.json", {}, registry()); }), "extends goes in a circle");
  has(test::error_of([&] { read_pipeline(folder.path() / "none.json", {}, registry()); }), "none.json");
}
