// Whole tasks against lm-evaluation-harness's own per-sample results (../shared/data/golden/lm_eval, made by make_lm_eval.py
// there).
#include <cmath>
#include <map>

#include "base/json.h"
#include "engine/model/hf_folder.h"
#include "eval/results.h"
#include "eval/runner.h"
#include "eval/scorer.h"
#include "eval/task.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::eval;

namespace {

// The answers that make_lm_eval.py's class Canned gives.
class Canned : public LanguageModel {
 public:
  explicit Canned(const Task& task) : task_(task) {}
  std::vector<Loglikelihood> loglikelihoods(const std::string&, const std::vector<std::string>&) override { return {}; }
  Loglikelihood rolling(const std::string&) override { return {}; }
  std::vector<std::string> generate(const std::vector<GenerationRequest>& requests, const std::function<void()>&) override {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < requests.size(); ++i) texts.push_back(next());
    return texts;
  }

 private:
  std::string next() {
    const std::string answer = (*task_.documents)[static_cast<std::size_t>(next_)]["answer"];
    const std::string gold = answer.substr(answer.find("#### ") + 5);
    switch (next_++ % 12) {
      case 0:
        return answer;
      case 1:
        return "The answer is " + gold + ".";
      case 2:
        return "#### " + gold + ".00";
      case 3:
        return "Costs $1,234 in total, so $" + gold;
      case 4:
        return "no number here";
      case 5:
        return gold + " and 7";
      case 6:
        return "#### " + gold + "\n#### 5";
      case 7:
        return "-" + gold;
      case 8:
        return "#### -" + gold;
      case 9:
        return " " + gold + "\n";
      case 10:
        return "####" + gold;
      default:
        return "";
    }
  }

  const Task& task_;
  int next_ = 0;
};

void compare_samples(const Json& golden, const TaskResult& result) {
  REQUIRE(golden.size() == result.samples.size());
  std::map<std::pair<std::int64_t, std::string>, const Sample*> ours;
  for (const Sample& sample : result.samples) ours[{sample.document, sample.filter}] = &sample;
  for (const Json& expected : golden) {
    const auto found = ours.find({expected["doc_id"].get<std::int64_t>(), expected["filter"].get<std::string>()});
    REQUIRE(found != ours.end());
    const Sample& sample = *found->second;
    const Json& asked = expected["contexts_and_continuations"];
    REQUIRE(asked.size() == sample.requests.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      CHECK(asked[i][0].get<std::string>() == sample.requests[i].context);
      if (asked[i][1].is_string()) CHECK(asked[i][1].get<std::string>() == sample.requests[i].continuation);
      const Json& response = expected["responses"][i][0];
      if (response.is_string()) {
        CHECK(response.get<std::string>() == sample.responses[i].text);
      } else {
        const double expected_sum =
            response[0].is_string() ? std::stod(response[0].get<std::string>()) : response[0].get<double>();
        const Json& greedy = response[1];
        // float32 sums in another order: 3e-5 seen between float32 and float64 (golden/README.md).
        CHECK(sample.responses[i].likelihood.sum == doctest::Approx(expected_sum).epsilon(0).scale(1).epsilon(1e-4));
        CHECK(sample.responses[i].likelihood.greedy ==
              (greedy.is_string() ? greedy.get<std::string>() == "True" : greedy.get<bool>()));
      }
    }
    if (sample.requests[0].continuation.empty()) {
      const Json& filtered = expected["filtered"];
      CHECK((filtered.is_array() ? filtered[0] : filtered).get<std::string>() == sample.filtered);
    }
    for (const auto& [metric, value] : expected["metrics"].items())
      CHECK(sample.metrics.at(metric) == doctest::Approx(value.get<double>()));
  }
}

void compare_values(const Json& golden, const TaskResult& result) {
  CHECK(golden["sample_len"].get<std::int64_t>() == result.documents);
  for (const Value& value : result.values) {
    CHECK(golden.at(value.metric + "," + value.filter).get<double>() == doctest::Approx(value.value).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("the harness's golden tasks: every context, log-likelihood, answer and metric") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path folder = shared / "data/golden/lm_eval";
  const Json golden = read_json(folder / "golden.json");
  const std::filesystem::path model_folder = shared / "data/golden/apertus_tiny";
  const model::LoadedModel loaded = model::load_hf_folder(model_folder, Dtype::f32);
  const text::Tokenizer tokenizer = text::Tokenizer::load(model_folder);
  ThreadPool pool(2);
  Context context{cpu_backend(), pool};

  for (const Json& run : golden["runs"]) {
    for (const auto& [key, samples] : run["samples"].items()) {
      const std::string& name = key;  // which a message can refer to
      CAPTURE(name);
      const Task task = load_task(folder / "tasks" / (name + ".yaml"), folder);
      TaskResult result;
      if (run["model"] == "canned answers") {
        Canned model(task);
        result = run_task(task, model, {});
      } else {
        ScorerOptions options;
        options.add_bos = run["add_bos_token"].get<bool>();
        Scorer model(context, loaded.parameters, tokenizer, options);
        result = run_task(task, model, {});
      }
      compare_samples(samples, result);
      compare_values(run["results"][name], result);
    }
  }
}
