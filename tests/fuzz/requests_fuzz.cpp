// What people and clients write: pipeline files, evaluation tasks, requests of the OpenAI API.
#include <fstream>

#include "app/serve/openai.h"
#include "base/json.h"
#include "engine/steps/pipeline.h"
#include "engine/steps/step_context.h"
#include "eval/filters.h"
#include "eval/task.h"
#include "eval/template.h"
#include "tests/fuzz/fuzz.h"

using namespace cairn;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

TEST_CASE("fuzz: pipelines, their grids and their settings") {
  steps::StepRegistry registry;
  const auto nothing = [](steps::StepContext&) {};
  registry.add({.name = "ingest",
                .outputs = {{"documents", "documents", ""}},
                .config = object({field("path", string().def("d"), "")}),
                .run = nothing});
  registry.add({.name = "train",
                .inputs = {{"data", "documents", ""}},
                .outputs = {{"checkpoint", "checkpoint", ""}},
                .config = object({field("lr", number().def(0.1), ""), field("sizes", list(integer()).def(Json::array()), "")}),
                .runtime = object({field("threads", integer().def(1), "")}),
                .run = nothing});
  feed("pipeline", {R"({"pipeline": "demo", "seed": 7, "steps": {"corpus": {"step": "ingest", "config": {"path": "x"}},
            "base": {"step": "train", "inputs": {"data": "corpus.documents"}, "config": {"lr": 0.5}, "runtime": {"threads": 2}, "seed": 3}},
            "matrix": {"base.config.lr": [0.1, 0.2], "corpus.seed": [1, 2]}})"},
       fuzz_rounds(6000),
       [&](const std::string& bytes) { steps::parse_pipeline(parse_json(bytes, "x"), "x", "/folder", {}, registry); });
  feed("setting", {"base.config.sizes[2]=[1,2]", "corpus.config.path=y", "seed=8"}, fuzz_rounds(10000),
       [](const std::string& bytes) {
         Json target = {{"base", {{"config", {{"sizes", {1, 2, 3}}}}}}};
         steps::apply_setting(target, bytes);
       });
}

TEST_CASE("fuzz: evaluation tasks, templates and lists") {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "d.jsonl") << "{\"q\": \"one?\", \"a\": 1, \"list\": [\"x\", \"y\"]}\n";
  feed("task",
       {"task: t\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\noutput_type: multiple_choice\n"
        "doc_to_text: \"{{q}}\"\ndoc_to_choice: [\"yes\", \"no\"]\ndoc_to_target: a\nmetadata: {version: 1.0}\n",
        "task: g\ntag: x\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\nfewshot_split: test\noutput_type: "
        "generate_until\n"
        "doc_to_text: \"Q: {{q.strip()}}\\nA:\"\ndoc_to_target: \"{{a}}\"\nnum_fewshot: 2\nfewshot_config: {sampler: first_n}\n"
        "generation_kwargs: {until: [\"\\n\"], max_gen_toks: 16}\nmetric_list:\n  - metric: exact_match\n    ignore_case: true\n"
        "    regexes_to_ignore: [\",\", \"\\\\$\"]\nfilter_list:\n  - name: strict\n    filter:\n      - function: regex\n"
        "        regex_pattern: \"(\\\\-?[0-9]+)\"\n      - function: take_first\n"},
       fuzz_rounds(3000), [&](const std::string& bytes) {
         std::ofstream(folder.path() / "t.yaml", std::ios::binary) << bytes;
         eval::load_task(folder.path() / "t.yaml");
       });
  const Json document = {{"q", " One two "}, {"a", 1}, {"list", {"x", "y", 3}}, {"deep", {{"k", {1, 2}}}}};
  feed("template",
       {"{{q.strip().lower() + 'x' ~ a}} and {{list|join(', ')}} {{ list[1:] }} {{deep.k[-1]}}",
        "{{ q.replace('O', 'o').split(' ')[0] == 'one' }} {{list|length|string}}"},
       fuzz_rounds(10000), [&](const std::string& bytes) { eval::render(bytes, document, "x"); });
  feed("list", {R"(['a', "it's", 3, -1.5, 'x\'y\n\u00e9'])", "[]"}, fuzz_rounds(10000),
       [](const std::string& bytes) { eval::parse_python_list(bytes, "x"); });
}

TEST_CASE("fuzz: requests of the OpenAI API") {
  feed<app::ApiError>("chat", {R"({"model": "m", "messages": [{"role": "system", "content": "S"},
      {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"role": "assistant", "content": null}],
      "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.25, "top_k": -1, "seed": -3, "stop": ["x", "y"], "n": 2, "stream": true,
      "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 3, "logit_bias": {"5": -100}, "user": "u"})"},
                      fuzz_rounds(10000),
                      [](const std::string& bytes) { app::read_chat_request(app::parse_request_body(bytes), 100); });
  feed<app::ApiError>(
      "completion",
      {R"({"model": "m", "prompt": ["a", "b"], "max_tokens": 3, "echo": true, "logprobs": 2, "stop": "z", "seed": 1})",
       R"({"model": "m", "prompt": [[1, 2], [3]], "best_of": 1, "suffix": null})"},
      fuzz_rounds(10000), [](const std::string& bytes) { app::read_completion_request(app::parse_request_body(bytes), 16); });
}
