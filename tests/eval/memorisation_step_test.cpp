// evaluate-memorisation as a step, on the golden model.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/probe_table.h"
#include "engine/infer/sampling.h"
#include "engine/infer/sequence.h"
#include "engine/model/hf_folder.h"
#include "eval/steps.h"
#include "kernels/backend.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

using namespace cairn;
using cairn::test::error_of;
using cairn::test::StepRun;

namespace {

constexpr std::int32_t kBos = 1;

// Two probes of 20 tokens, "known" goes on from its fifth token as the golden model does; and one that is shorter.
struct Probes {
  explicit Probes(const std::filesystem::path& golden, std::int32_t last_token = 299) {
    std::vector<std::int32_t> known{40, 50, 60, 70, 80}, other, brief{5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    for (const std::int32_t token : continuation(golden, known, 15)) known.push_back(token);
    for (int i = 0; i < 20; ++i) other.push_back(last_token - i);
    std::vector<data::Probe> probes;
    for (const auto& [tokens, bucket] : {std::pair{known, 4}, {other, 0}, {brief, 0}}) {
      probes.push_back({data::probe_id(tokens), "book", std::to_string(bucket), bucket, "", "", 0,
                        static_cast<std::int64_t>(tokens.size()), 0, -1});
    }
    data::write_probe_table(real_disk(), folder.path() / "probes", probes, {known, other, brief}, data::TokenType::i32);
  }
  std::filesystem::path path() const { return folder.path() / "probes"; }

  // The most likely tokens behind `<s>` and `tokens`, without end tokens.
  static std::vector<std::int32_t> continuation(const std::filesystem::path& golden, std::vector<std::int32_t> tokens,
                                                int count) {
    const model::LoadedModel loaded = model::load_hf_folder(golden, Dtype::f32);
    ThreadPool pool(1);
    Context context{cpu_backend(), pool};
    infer::Sequence sequence(context, loaded.parameters, 64);
    tokens.insert(tokens.begin(), kBos);
    std::vector<std::int32_t> written;
    while (static_cast<int>(written.size()) < count) {
      sequence.extend(tokens, static_cast<std::int64_t>(tokens.size()) - 1, [&](std::int64_t, std::span<const float> logits) {
        std::vector<float> allowed(logits.begin(), logits.end());
        for (const std::int32_t end : loaded.config.eos)
          allowed[static_cast<std::size_t>(end)] = -std::numeric_limits<float>::infinity();
        written.push_back(static_cast<std::int32_t>(std::max_element(allowed.begin(), allowed.end()) - allowed.begin()));
      });
      tokens = {written.back()};
    }
    return written;
  }

  test::TemporaryFolder folder;
};

Json config(const std::string& more = "{}") {
  Json json = {{"prefixes", {5, 8}}, {"suffix", 12}, {"least_ttr", 0}};
  json.update(parse_json(more, "config"));
  return json;
}

}  // namespace

TEST_CASE(
    "evaluate-memorisation: two models and a table, by bucket, prefix and decoding; how inputs are called changes nothing") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path golden = shared / "data/golden/apertus_tiny";
  const Probes probes(golden);
  std::string digest;
  for (const std::string label : {"base.model", "exported.model"}) {
    StepRun run(eval::kEvaluateMemorisation, config());
    run.input("models", golden, label).input("models", golden, label).input("probes", probes.path()).run();
    const std::filesystem::path results = run.output("results");
    if (digest.empty()) digest = run.digest("results");
    CHECK(run.digest("results") == digest);
    CHECK(run.summary() == "3 probes, 2 models, 16 continuations");
    CHECK(std::filesystem::exists(results / "report.html"));
    for (const std::string name : {"model-0", "model-1"}) {
      const Json json = read_json(results / ("results_" + name + ".json"));
      CHECK(json["model"] == name);
      REQUIRE(json["cells"].size() == 2 * 2 * 2);
      for (const Json& cell : json["cells"]) {
        const bool known = cell["bucket"] == "4" && cell["prefix"] == 5 && cell["decoding"] == "greedy";
        CHECK(cell["probes"] == 1);
        CHECK(cell["too_short"] == (cell["bucket"] == "0" ? 1 : 0));
        if (known) CHECK(cell["exact"] == 1);
        if (cell["bucket"] == "0") CHECK(cell["exact"] == 0);
      }
      const std::string samples = read_file(results / "samples" / name / "memorisation.jsonl");
      CHECK(std::count(samples.begin(), samples.end(), '\n') == 8);
      for (const std::int32_t end : model::read_hf_config(golden / "config.json").eos)
        CHECK(samples.find("\"generated\":[" + std::to_string(end) + ",") == std::string::npos);
    }
  }
}

TEST_CASE("evaluate-memorisation: what cannot be asked is refused before a model is read") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path golden = shared / "data/golden/apertus_tiny";
  const Probes probes(golden);
  const test::TemporaryFolder folder;  // the golden model without its weights, that reads 17 tokens
  Json shape = read_json(golden / "config.json");
  shape["max_position_embeddings"] = 17;
  write_file_atomically(folder.path() / "config.json", shape.dump());
  write_file_atomically(folder.path() / "tokenizer.json", read_file(golden / "tokenizer.json"));
  const auto error = [&](const std::string& more, const std::filesystem::path& table) {
    return error_of([&] {
      StepRun run(eval::kEvaluateMemorisation, config(more));
      run.input("models", golden, "a").input("models", folder.path(), "b").input("probes", table).run();
    });
  };
  // <s>, 8 and 12 less the one that is not read: 20.
  CHECK(error("{}", probes.path()) == "model-1: prefix and suffix take 20 tokens, the model reads 17");
  // As many as it reads, and no more: prefixes that no probe is long enough for take no room. It lacks its weights.
  CHECK(error(R"({"prefixes": [5, 5000]})", probes.path()).find("safetensors") != std::string::npos);
  CHECK(error(R"({"prefixes": [6]})", probes.path()) == "model-1: prefix and suffix take 18 tokens, the model reads 17");
  CHECK(error(R"({"prefixes": [6], "bos": ""})", probes.path()).find("safetensors") != std::string::npos);
  CHECK(error(R"({"names": ["x", "x"]})", probes.path()) == "config.names[1]: two models are called 'x'");
  CHECK(error(R"({"names": ["x"]})", probes.path()) == "config.names: 1 names for 2 models");
  for (const std::string name : {"..", "a/b", "", ".hidden"}) {
    CHECK(error(R"({"names": ["x", ")" + name + "\"]}", probes.path()) ==
          "config.names[1]: expected what can be part of a file name, at most 100 bytes, found '" + name + "'");
  }
  CHECK(error(R"({"bos": "<nothing>"})", probes.path()).find("<nothing>") != std::string::npos);
  CHECK(error("{}", Probes(golden, 300).path()).find("the probes have token 300, the model's vocabulary has 300") !=
        std::string::npos);
}

TEST_CASE("evaluate-memorisation: lengths and lists have bounds") {
  const auto error = [](const std::string& json) {
    return error_of([&] { StepRun run(eval::kEvaluateMemorisation, json.c_str()); });
  };
  CHECK(error(R"({"prefixes": [0]})").find("config.prefixes[0]: expected an integer") == 0);
  CHECK(error(R"({"prefixes": [5, 1000001]})").find("config.prefixes[1]: expected an integer") == 0);
  CHECK(error(R"({"suffix": 9223372036854775807})").find("config.suffix: expected an integer") == 0);
  CHECK(error(R"({"offsets": [-1]})").find("config.offsets[0]: expected an integer") == 0);
  CHECK(error(R"({"offsets": [1000001]})").find("config.offsets[0]: expected an integer") == 0);
  CHECK(error(R"({"prefixes": []})").find("config.prefixes: expected") == 0);
  CHECK(error(R"({"prefixes": [1000000], "suffix": 1000000, "offsets": [1000000]})").empty());
}
