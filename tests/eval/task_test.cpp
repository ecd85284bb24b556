#include "eval/task.h"

#include <cmath>
#include <fstream>

#include "base/json.h"
#include "eval/filters.h"
#include "eval/metrics.h"
#include "eval/plot.h"
#include "eval/report.h"
#include "eval/results.h"
#include "eval/runner.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::eval;
using cairn::test::error_of;

namespace {

struct TaskFolder {
  test::TemporaryFolder folder;
  void put(const std::string& name, const std::string& text) const { std::ofstream(folder.path() / name) << text; }
  Task load(const std::string& name = "t.yaml", int shots = -1) const { return load_task(folder.path() / name, {}, shots); }
};

const std::string kChoice =
    "task: t\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\noutput_type: multiple_choice\ndoc_to_text: "
    "\"{{q}}\"\n"
    "doc_to_choice: [\"yes\", \"no\"]\ndoc_to_target: a\n";

// Prefers the continuation that comes first in the alphabet; adds up characters for rolling.
class Alphabetical : public LanguageModel {
 public:
  std::vector<Loglikelihood> loglikelihoods(const std::string& context, const std::vector<std::string>& continuations) override {
    contexts.push_back(context);
    std::vector<Loglikelihood> out;
    for (const std::string& text : continuations) out.push_back({-static_cast<double>(text.at(1)), false, 1});
    return out;
  }
  Loglikelihood rolling(const std::string& text) override {
    return {-std::log(2.0) * static_cast<double>(text.size()), false, 1};
  }
  std::vector<std::string> generate(const std::vector<GenerationRequest>& requests,
                                    const std::function<void()>& after_each) override {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ++generated;
      if (after_each) after_each();
    }
    return std::vector<std::string>(requests.size(), " 42.");
  }
  std::vector<std::string> contexts;
  int generated = 0;
};

}  // namespace

TEST_CASE("task: choices, gold and metrics of a small task") {
  TaskFolder files;
  files.put("t.yaml", kChoice);
  files.put("d.jsonl",
            "{\"q\": \"one?\", \"a\": 1}\n{\"q\": \"two?\", \"a\": \"no\"}\n{\"q\": \"three?\", \"a\": 0}\n{\"q\": \"four?\", "
            "\"a\": 9}\n");
  Alphabetical model;
  const TaskResult result = run_task(files.load(), model, {});
  CHECK(model.contexts == std::vector<std::string>{"one?", "two?", "three?", "four?"});
  CHECK(result.samples[0].requests[1].continuation == " no");
  CHECK(result.samples[1].gold == 1);
  CHECK(result.samples[3].gold == -1);
  CHECK(result.values[0].metric == "acc");
  CHECK(result.values[0].value == 0.5);
  CHECK(*result.values[0].standard_error == doctest::Approx(std::sqrt(1.0 / 3) / 2));
}

TEST_CASE("task: shots come before the query, and a query is never its own shot") {
  TaskFolder files;
  files.put("t.yaml",
            "task: t\ndataset_kwargs: {data_files: {validation: d.jsonl}}\nvalidation_split: validation\noutput_type: "
            "multiple_choice\ndoc_to_text: \"{{q}}\"\n"
            "doc_to_choice: [\"yes\", \"no\"]\ndoc_to_target: a\nnum_fewshot: 2\ndescription: \"D\\n\"\n");
  files.put("d.jsonl", "{\"q\": \"one?\", \"a\": 1}\n{\"q\": \"two?\", \"a\": 0}\n{\"q\": \"three?\", \"a\": 0}\n");
  Alphabetical model;
  run_task(files.load(), model, {});
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string query = std::vector<std::string>{"one?", "two?", "three?"}[i];
    CHECK(model.contexts[i].substr(0, 2) == "D\n");
    CHECK(model.contexts[i].find(query) == model.contexts[i].size() - query.size());
  }
}

TEST_CASE("task: rolling gives bits per byte") {
  TaskFolder files;
  files.put("t.yaml",
            "task: t\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\noutput_type: "
            "loglikelihood_rolling\ndoc_to_text: \"\"\ndoc_to_target: text\n");
  files.put("d.jsonl", "{\"text\": \"ab cd\"}\n{\"text\": \"é\"}\n");
  Alphabetical model;
  const TaskResult result = run_task(files.load(), model, {});
  REQUIRE(result.values.size() == 3);
  CHECK(result.values[2].metric == "bits_per_byte");
  CHECK(result.values[2].value == doctest::Approx(1.0));
  CHECK(!result.values[2].higher_is_better);
  CHECK(!result.values[2].standard_error);
}

TEST_CASE("task: mistakes in task files are named with file and key") {
  TaskFolder files;
  files.put("d.jsonl", "{\"q\": \"one?\", \"a\": 1}\n");
  files.put("bad.jsonl", "{\"q\": \"one?\", \"a\": 1}\n{\"q\": \n");
  const auto error = [&](const std::string& yaml) {
    files.put("t.yaml", yaml);
    return error_of([&] {
      Alphabetical model;
      run_task(files.load(), model, {});
    });
  };
  CHECK(error(kChoice) == "");
  CHECK(error("task: [unclosed").find("t.yaml: line") != std::string::npos);
  CHECK(error("- a\n- b\n").find("expected a mapping") != std::string::npos);
  CHECK(error(kChoice + "process_docs: !function utils.f\n").find("!function utils.f is Python code") != std::string::npos);
  CHECK(error(kChoice + "metric_list: [{metric: bleu}]\n").find("metric 'bleu' is not supported") != std::string::npos);
  CHECK(error(kChoice + "num_fewshot: many\n") == "t.yaml: num_fewshot: expected an integer, found \"many\"");
  CHECK(error(kChoice + "include: t.yaml\n").find("includes go in a circle") != std::string::npos);
  CHECK(error("task: t\noutput_type: multiple_choise\n").find("Did you mean 'multiple_choice'?") != std::string::npos);
  std::string missing = kChoice;
  missing.replace(missing.find("d.jsonl"), 7, "e.jsonl");
  CHECK(error(missing).find("e.jsonl") != std::string::npos);
  std::string broken = kChoice;
  broken.replace(broken.find("d.jsonl"), 7, "bad.jsonl");
  CHECK(error(broken).find("bad.jsonl: line 2") != std::string::npos);
  CHECK(error(kChoice + "num_fewshot: 5\n").find("5 shots asked for") != std::string::npos);
}

TEST_CASE("filters and exact match") {
  const FilterChain last{
      "f", {FilterSpec{"regex", "(-?[$0-9.,]{2,})|(-?[0-9]+)", -1, "[invalid]"}, FilterSpec{"take_first", "", 0, ""}}};
  CHECK(apply_filters(last, "from 3 to 42") == "42");
  CHECK(apply_filters(last, "none") == "[invalid]");
  CHECK(error_of([] { Pattern("(", "here"); }).find("here: regular expression '('") != std::string::npos);
  MetricSpec metric;
  CHECK(!exact_match("A.", "a", metric));
  metric.ignore_case = metric.ignore_punctuation = true;
  CHECK(exact_match("A.", "a", metric));
  metric.regexes_to_ignore = {"x+"};
  CHECK(exact_match("xxa", "a", metric));
  CHECK(Pattern("b*", "o").remove_all("abba") == "aa");
}

TEST_CASE("report: a page that stands alone and shows every number") {
  TaskFolder files;
  files.put("t.yaml", kChoice);
  files.put("d.jsonl", "{\"q\": \"<one>?\", \"a\": 1}\n{\"q\": \"two?\", \"a\": 0}\n");
  Alphabetical model;
  const TaskResult result = run_task(files.load(), model, {});
  const EvaluatedModel evaluated{"base", sha256("x"), 1234, 64, Dtype::bf16};
  const std::string page =
      html_report({"Report", {{"model", "base"}}, {{"base", {1, 2, 3}, {3.0, 2.5, 2.0}}}}, {{evaluated, {result}}});
  CHECK(page.find("http") == std::string::npos);
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("&lt;one&gt;?") != std::string::npos);
  CHECK(page.find("<one>") == std::string::npos);
  CHECK(page.find("<polyline") != std::string::npos);
  CHECK(page.find("0.5000") != std::string::npos);
  const Json json = results_json(evaluated, {result}, {}, 0);
  CHECK(json["results"]["t"]["acc,none"] == 0.5);
  CHECK(json["config"]["model_sha"] == sha256("x").hex());
  CHECK(json["n-samples"]["t"]["effective"] == 2);
  CHECK(samples_json(result)[0]["arguments"]["gen_args_1"]["arg_1"] == " no");
  const std::string table = markdown_table({result});
  CHECK(table.substr(0, table.find('\n')) == "|Tasks|Version|Filter|n-shot|Metric  | |Value | |Stderr|");
  CHECK(table.find("|t    |0      |none  |0     |acc     |↑|0.5000|±|0.5000|\n") != std::string::npos);
}

TEST_CASE("task: each generated text is told when it is done, and each once") {
  TaskFolder files;
  files.put("t.yaml",
            "task: t\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\noutput_type: generate_until\n"
            "doc_to_text: \"{{q}}\"\ndoc_to_target: a\n");
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "{\"q\": \"one?\", \"a\": \"42\"}\n";
  files.put("d.jsonl", lines);
  Alphabetical model;
  std::vector<int> told;
  RunOptions options;
  options.after_document = [&] { told.push_back(model.generated); };
  run_task(files.load(), model, options);
  REQUIRE(told.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(told[static_cast<std::size_t>(i)] == i + 1);
}
