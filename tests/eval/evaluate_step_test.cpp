// evaluate as a step, on the golden model: what it says of tasks and models before it asks the first question.
#include <fstream>

#include "base/json.h"
#include "eval/steps.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

using namespace cairn;
using cairn::test::error_of;
using cairn::test::StepRun;

namespace {

std::string choice(const std::string& name) {
  return "task: " + name + R"(
dataset_kwargs: {data_files: {test: d.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: ["yes", "no"]
doc_to_target: a
)";
}

struct Tasks {
  Tasks() { put("d.jsonl", "{\"q\": \"one?\", \"a\": 1}\n{\"q\": \"two?\", \"a\": 0}\n"); }
  void put(const std::string& name, const std::string& text) const { std::ofstream(folder.path() / name) << text; }
  void remove(const std::string& name) const { std::filesystem::remove(folder.path() / name); }
  test::TemporaryFolder folder;
};

}  // namespace

TEST_CASE("evaluate: results and samples by task, in the precision that they are of; how files are ordered changes nothing") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path golden = shared / "data/golden/apertus_tiny";
  const Tasks tasks;
  tasks.put("b.yaml", choice("second"));
  tasks.put("a.yaml", choice("first"));
  for (const auto& [dtype, told] : {std::pair{"f32", "torch.float32"}, {"bf16", "torch.bfloat16"}}) {
    StepRun run(eval::kEvaluate, Json{{"dtype", dtype}});
    run.input("models", golden).input("tasks", tasks.folder.path()).run();
    const std::filesystem::path results = run.output("results");
    Json json;
    std::size_t samples = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(results)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("results_") && name.ends_with(".json")) json = read_json(entry.path());
      samples += name == "samples_first.jsonl" || name == "samples_second.jsonl";
    }
    CHECK(samples == 2);
    REQUIRE(json.contains("results"));
    CHECK(json["results"].size() == 2);
    CHECK(json["results"]["first"]["acc,none"] == json["results"]["second"]["acc,none"]);
    CHECK(json["config"]["model_dtype"] == told);
    CHECK(json["n-samples"]["first"]["effective"] == 2);
  }
}

TEST_CASE("evaluate: tasks that cannot be, and those that the model cannot be asked, are refused at once") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path golden = shared / "data/golden/apertus_tiny";
  const Tasks tasks;
  const auto told = [&](const Json& config = Json::object()) {
    return error_of([&] {
      StepRun run(eval::kEvaluate, config);
      run.input("models", golden).input("tasks", tasks.folder.path()).run();
    });
  };
  tasks.put("a.yaml", choice("../../evil"));
  CHECK(told() == "a.yaml: task: expected what can be part of a file name, at most 100 bytes, found '../../evil'");
  tasks.put("a.yaml", choice("same"));
  tasks.put("b.yaml", choice("same"));
  CHECK(told() == "b.yaml: two task files are called 'same'");
  CHECK(told({{"tasks", {"c"}}}) == "config.tasks: no task file c.yaml among the inputs");
  tasks.remove("b.yaml");
  CHECK(told({{"tasks", {"a"}}}).empty());  // by its file, whatever it calls itself
  tasks.put("a.yaml", choice("same") + "metadata: {random_baseline: half}\n");
  CHECK(told() == "a.yaml: metadata: random_baseline: expected a number, found \"half\"");
  tasks.put("a.yaml",
            "task: long\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\noutput_type: generate_until\n"
            "doc_to_text: \"{{q}}\"\ndoc_to_target: a\ngeneration_kwargs: {max_gen_toks: 100000}\n");
  CHECK(told().find("task 'long' asks for max_gen_toks 100000, the model reads ") != std::string::npos);
  for (const std::string file : {"/etc/passwd", "../d.jsonl", "x/../../d.jsonl"}) {
    std::string yaml = choice("t");
    yaml.replace(yaml.find("d.jsonl"), 7, file);
    tasks.put("a.yaml", yaml);
    CHECK(told() == "a.yaml: dataset_kwargs.data_files: expected a file of the tasks' folder, found '" + file + "'");
  }
  tasks.put("a.yaml", "include: ../other.yaml\n" + choice("t"));
  CHECK(told() == "a.yaml: include: expected a file of the tasks' folder, found '../other.yaml'");
}
