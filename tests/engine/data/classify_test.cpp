// Scores of classifiers, limits on them, and shares of each language.
#include "engine/data/filters/classify.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/order_statistic.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

fs::path model() {
  return test::source_folder() / "tests/golden/fasttext/softmax.bin";
}

// `count` documents of a language with scores in no order: (7 * i) % count / count.
void add(std::vector<Document>& documents, const std::string& language, int count, double least = 0) {
  for (int i = 0; i < count; ++i) {
    Document document;
    document.text = fmt::format("text {} of {}", i, language);
    document.id = document_id(document.text);
    document.source = "s";
    document.url = fmt::format("{}-{:03d}", language, i);
    document.language = language;
    document.scores = {{"toxicity", least + static_cast<double>(7 * i % count) / count}};
    documents.push_back(document);
  }
}

void write(const fs::path& folder, const std::vector<Document>& documents) {
  DocumentWriter writer(real_disk(), folder);
  for (const Document& document : documents) writer.append(document);
  writer.finish();
}

std::map<std::string, Decision> decisions_of(const StepRun& run) {
  std::map<std::string, Decision> found;
  const Decisions decisions(run.output("decisions"));
  for (std::size_t i = 0; i < decisions.size(); ++i) found[decisions.at(i).url] = decisions.at(i);
  return found;
}

}  // namespace

TEST_CASE("order statistic: the same as sorting, for any order and any parts") {
  std::vector<float> values;
  std::uint64_t state = 1;
  for (int i = 0; i < 3000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const float spread = static_cast<float>(state >> 40) / 16777216.0f;
    values.push_back(i % 3 == 0 ? -spread * 100 : i % 3 == 1 ? 1 - spread * 1e-6f : 0.0f);
  }
  std::vector<float> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (const std::uint64_t rank : {0u, 1u, 999u, 1000u, 1500u, 2000u, 2500u, 2999u}) {
    OrderStatistic whole, first, second;
    for (std::size_t i = 0; i < values.size(); ++i) (i % 2 ? first : second).see(values[i]);
    whole.merge(second);
    whole.merge(first);
    CHECK(whole.count() == values.size());
    whole.aim(rank);
    for (auto it = values.rbegin(); it != values.rend(); ++it) whole.see_again(*it);
    CHECK(whole.value() == sorted[rank]);
  }
}

TEST_CASE("classify: records the label's probability and drops by limits, by language where they are given") {
  Document document;
  document.text = "the tide came in slowly that evening and nobody on pier had expected the boat";
  document.language = "en";
  TextAnalysis analysis(document.text);
  ScoreLimits limits;
  limits.score = "quality";
  const Judgement found = ClassifyFilter(limits, "eng_Latn", {}, model()).judge(document, analysis);
  CHECK(found.action == Judgement::Action::keep);
  REQUIRE(found.scores.size() == 1);
  CHECK(found.scores[0].name == "quality");
  const double score = found.scores[0].value;
  CHECK(score > 0.5);
  limits.min = score;
  CHECK(ClassifyFilter(limits, "__label__eng_Latn", {}, model()).judge(document, analysis).action == Judgement::Action::keep);
  limits.mins = {{"en", score + 1e-6}};
  CHECK(ClassifyFilter(limits, "eng_Latn", {}, model()).judge(document, analysis).rule == "quality_low");
  limits.mins = {{"de", 1}};
  limits.max = score - 1e-6;
  CHECK(ClassifyFilter(limits, "eng_Latn", {}, model()).judge(document, analysis).rule == "quality_high");
  CHECK(ClassifyFilter(limits, "eng_Latn", {"de"}, model()).judge(document, analysis).scores.empty());
  CHECK(error_of([&] { ClassifyFilter(limits, "eng_Latin", {}, model()); }).find("Did you mean 'eng_Latn'?") !=
        std::string::npos);
}

TEST_CASE("score: limits on what documents carry; what is missing is kept or dropped") {
  Document document;
  document.scores = {{"quality", 0.5}};
  TextAnalysis analysis("");
  ScoreLimits limits;
  limits.score = "quality";
  limits.max = 0.4;
  CHECK(ScoreFilter(limits, false).judge(document, analysis).reason == "quality 0.5, limit 0.4");
  limits.max = limits.min = 0.5;  // the bounds themselves are allowed
  CHECK(ScoreFilter(limits, false).judge(document, analysis).action == Judgement::Action::keep);
  limits.score = "toxicity";
  CHECK(ScoreFilter(limits, false).judge(document, analysis).action == Judgement::Action::keep);
  CHECK(ScoreFilter(limits, true).judge(document, analysis).rule == "toxicity_missing");
}

TEST_CASE("percentile: the highest share of each language goes, exactly, for any threads and pieces") {
  TemporaryFolder folder;
  std::vector<Document> documents;
  add(documents, "de", 200);
  add(documents, "fr", 40, 0.5);
  add(documents, "rm", 9);
  documents.emplace_back(documents.back());
  documents.back().url = "without";
  documents.back().scores.clear();
  write(folder.path() / "in", documents);
  std::string first;
  for (const int threads : {1, 3}) {
    for (const int piece_bytes : {1, 1'000'000}) {
      Json config = {{"filters", {{{"filter", "percentile"}, {"score", "toxicity"}, {"share", 0.05}}}}};
      config["runtime"]["piece_bytes"] = piece_bytes;
      StepRun run(kCurate, config);
      run.threads(threads).input("documents", folder.path() / "in").run();
      if (first.empty()) first = run.digest("decisions");
      CHECK(run.digest("decisions") == first);
      std::map<std::string, int> dropped;
      for (const auto& [url, d] : decisions_of(run)) {
        if (d.verdict != Verdict::dropped) continue;
        ++dropped[d.language];
        CHECK(d.filter == "percentile");
        CHECK(d.rule == "toxicity_highest");
        const int index = std::stoi(url.substr(3)), count = d.language == "de" ? 200 : 40;
        CHECK(7 * index % count >= count - count / 20);
      }
      CHECK(dropped == std::map<std::string, int>{{"de", 10}, {"fr", 2}});  // nine documents: not one is five percent of them
    }
  }
  StepRun run(
      kCurate,
      Json{{"filters", {{{"filter", "percentile"}, {"score", "toxicity"}, {"drop", "lowest"}, {"share", 0.5}, {"of", "all"}}}}});
  const auto lowest = decisions_of(run.input("documents", folder.path() / "in").run());
  CHECK(std::count_if(lowest.begin(), lowest.end(), [](const auto& d) { return d.second.verdict == Verdict::dropped; }) <= 124);
  CHECK(lowest.at("de-000").reason == "toxicity 0 is among the lowest 50% of all documents, limit 0.575");
}

TEST_CASE("percentile: documents that share the score at the border stay together") {
  TemporaryFolder folder;
  std::vector<Document> documents;
  add(documents, "de", 20);
  for (std::size_t i = 0; i < documents.size(); ++i) documents[i].scores[0].value = i < 3 ? 0.9 : 0.1;
  write(folder.path() / "in", documents);
  const auto dropped = [&](double share) {
    StepRun run(kCurate, Json{{"filters", {{{"filter", "percentile"}, {"score", "toxicity"}, {"share", share}}}}});
    const auto decisions = decisions_of(run.input("documents", folder.path() / "in").run());
    return std::count_if(decisions.begin(), decisions.end(), [](const auto& d) { return d.second.verdict == Verdict::dropped; });
  };
  CHECK(dropped(0.10) == 0);  // two of three that are equal: none
  CHECK(dropped(0.15) == 3);
  CHECK(dropped(0.5) == 3);
  CHECK(dropped(1.0) == 3);  // the last that remain have one score
}
