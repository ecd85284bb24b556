// The report of a curation: counts that add up, samples, histograms.
#include "engine/data/curate_report.h"

#include <cmath>
#include <set>

#include <fmt/format.h>

#include "engine/data/curate.h"
#include "engine/data/document.h"
#include "engine/data/text_analysis.h"
#include "engine/text/tokenizer.h"
#include "tests/engine/data/curate_documents.h"

namespace cairn::data {
extern const steps::StepSpec kTrainTokenizer;
}

using namespace cairn;
using namespace cairn::data;
using namespace cairn::test;

TEST_CASE(
    "curate: in documents, bytes and words, all that comes in is kept, held out, dropped or edited away, for each group too") {
  TemporaryFolder folder;
  std::vector<Document> in = mixed_documents();
  for (std::size_t i = 0; i < in.size(); i += 3) in[i].language = "de";
  std::uint64_t bytes = 0, words = 0;
  for (const Document& document : in) {
    bytes += document.text.size();
    words += TextAnalysis(document.text).words().size();
  }
  write_documents(folder.path() / "in", in);
  Json config = Json::parse(kCurateChain);
  config["filters"].push_back({{"filter", "paragraph_dedup"}, {"of", "lines"}});
  StepRun run(kCurate, config);
  run.input("documents", folder.path() / "in").run();
  const Json report = read_json(run.output("report") / "report.json");
  const Json& total = report["total"]["funnel"];
  CHECK(total["in"] == Json({{"documents", in.size()}, {"text_bytes", bytes}, {"words", words}}));
  std::uint64_t kept_bytes = 0, kept_words = 0;
  for (const Document& document : documents_of(run.output("documents"))) {
    kept_bytes += document.text.size();
    kept_words += TextAnalysis(document.text).words().size();
  }
  CHECK(total["kept"]["text_bytes"] == kept_bytes);
  CHECK(total["kept"]["words"] == kept_words);
  CHECK(total["edited_away"]["documents"].get<int>() > 20);
  const auto check = [](const Json& funnel) {
    for (const char* measure : {"documents", "text_bytes", "words"}) {
      std::int64_t out = funnel["kept"][measure].get<std::int64_t>() + funnel["held_out"][measure].get<std::int64_t>();
      if (std::string(measure) != "documents") out += funnel["edited_away"][measure].get<std::int64_t>();
      for (const Json& amount : funnel["dropped_by"]) out += amount[measure].get<std::int64_t>();
      CHECK_MESSAGE(out == funnel["in"][measure].get<std::int64_t>(), measure);
    }
  };
  check(total);
  for (const char* by : {"by_language", "by_source"}) {
    CHECK(report[by].size() == 2);
    for (const Json& group : report[by]) check(group["funnel"]);
  }
  CHECK(report["kept_samples"].size() == 10);
  for (const Json& sample : report["kept_samples"]) CHECK(sample["begins"].get<std::string>().find('@') == std::string::npos);
}

TEST_CASE("curate: samples in the report show no personal identifiers, wherever in a chain without pii a document is dropped") {
  TemporaryFolder folder;
  const auto with_mail = [](int number) { return fmt::format("Ask number{}@example.org. ", number) + prose(number); };
  write_documents(folder.path() / "in", {document_of("Ask number0@example.org.", "short"), document_of(with_mail(1), "one"),
                                         document_of(with_mail(1), "one-again"), document_of(with_mail(2), "two"),
                                         document_of(with_mail(2) + " Once more.", "two-again")});
  // By a filter; by a comparison before another stage, and by one in the last stage.
  StepRun run(kCurate, R"({"filters": [{"filter": "gopher_quality"}, {"filter": "exact_dedup"}, {"filter": "gopher_repetition"},
                           {"filter": "minhash"}]})");
  run.input("documents", folder.path() / "in").run();
  const Json report = read_json(run.output("report") / "report.json");
  const Json& filters = report["filters"];
  CHECK(filters[0]["samples"]["short_doc"][0]["begins"] == "Ask <email-pii>.");
  CHECK(filters[1]["samples"]["same_text"][0]["begins"].get<std::string>().starts_with("Ask <email-pii>. "));
  CHECK(filters[3]["samples"]["near_duplicate"][0]["begins"].get<std::string>().starts_with("Ask <email-pii>. "));
  for (const char* file : {"report.json", "report.html"})
    CHECK(read_file(run.output("report") / file).find("@example") == std::string::npos);
  CHECK(documents_of(run.output("documents")).front().text.find('@') != std::string::npos);
}

TEST_CASE("curate: histograms count each document that came as far as a rule, and are the same for any pieces and threads") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  std::string first;
  for (const int piece_bytes : {1, 1'000'000}) {
    Json config = Json::parse(kCurateChain);
    config["runtime"]["piece_bytes"] = piece_bytes;
    StepRun run(kCurate, config);
    run.input("documents", folder.path() / "in").run();
    const Json report = read_json(run.output("report") / "report.json");
    if (first.empty()) first = report.dump();
    CHECK(first == report.dump());
    const auto of = [&](const std::string& name, const char* what) {
      std::int64_t all = 0;
      for (const Json& statistic : report["statistics"]) {
        if (statistic["statistic"] != name) continue;
        for (const Json& row : statistic["classes"]) all += row[what].get<std::int64_t>();
      }
      return all;
    };
    CHECK(of("words", "passed") == 400 - 8 - 40);
    CHECK(of("words", "dropped") == 40);
    CHECK(of("mean_word_length", "passed") == 400 - 8 - 40);
    CHECK(of("sentences", "dropped") == 0);
    CHECK(of("sentences", "passed") == report["filters"][5]["seen"].get<int>() - 20);  // a curly bracket drops before it
    CHECK(report["statistics"][0]["limits"] == Json::array({50.0, 100000.0}));
  }
}

TEST_CASE("curate: with a tokenizer the funnel is told in tokens, too, and adds up") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  StepRun trained(kTrainTokenizer, R"({"vocab_size": 400})");
  trained.input("documents", folder.path() / "in").run();
  const auto tokenizer = text::Tokenizer::load(trained.output("tokenizer"));
  Json config = Json::parse(kCurateChain);
  config["filters"].push_back({{"filter", "paragraph_dedup"}, {"of", "lines"}});
  StepRun run(kCurate, config), without(kCurate, config);
  run.input("documents", folder.path() / "in").input("tokenizer", trained.output("tokenizer")).run();
  without.input("documents", folder.path() / "in").run();
  CHECK(run.digest("documents") + run.digest("decisions") == without.digest("documents") + without.digest("decisions"));
  CHECK_FALSE(read_json(without.output("report") / "report.json")["total"]["funnel"]["kept"].contains("tokens"));
  const Json funnel = read_json(run.output("report") / "report.json")["total"]["funnel"];
  const auto tokens_of = [&](const std::vector<Document>& documents) {
    std::size_t tokens = 0;
    for (const Document& document : documents) tokens += tokenizer.encode(document.text).size();
    return tokens;
  };
  CHECK(funnel["in"]["tokens"] == tokens_of(mixed_documents()));
  CHECK(funnel["kept"]["tokens"] == tokens_of(documents_of(run.output("documents"))));
  CHECK(funnel["held_out"]["tokens"] == tokens_of(documents_of(run.output("held_out"))));
  std::int64_t out = 0;
  for (const char* part : {"kept", "held_out", "edited_away"}) out += funnel[part]["tokens"].get<std::int64_t>();
  for (const Json& amount : funnel["dropped_by"]) out += amount["tokens"].get<std::int64_t>();
  CHECK(funnel["in"]["tokens"] == out);
  const std::string page = read_file(run.output("report") / "report.html");
  CHECK(page.find("In tokens") != std::string::npos);
  CHECK(page.find("no tokenizer was given") == std::string::npos);
}

TEST_CASE("curate: what compares documents has histograms with its limits, too") {
  TemporaryFolder folder;
  std::vector<Document> in = mixed_documents();
  for (std::size_t i = 0; i < in.size(); ++i) {
    in[i].scores = {{"toxicity", static_cast<double>(i) / 400}};
    in[i].language = i % 2 ? "de" : "en";
    if (i % 8 == 0) in[i].text = "One line of some words that stands in many texts.\n" + in[i].text;
  }
  write_documents(folder.path() / "in", in);
  StepRun run(kCurate, R"({"filters": [{"filter": "percentile", "score": "toxicity", "share": 0.1}, {"filter": "minhash"},
                           {"filter": "paragraph_dedup", "of": "lines", "drop_share": 0.9}]})");
  run.input("documents", folder.path() / "in").run();
  const Json report = read_json(run.output("report") / "report.json");
  const auto find = [&](const std::string& filter) {
    for (const Json& statistic : report["statistics"]) {
      if (statistic["filter"] == filter) return statistic;
    }
    return Json();
  };
  const auto count = [](const Json& statistic, const char* what) {
    std::int64_t all = 0;
    for (const Json& row : statistic["classes"]) all += row[what].get<std::int64_t>();
    return all;
  };
  const Json percentile = find("percentile"), similar = find("minhash"), cuts = find("paragraph_dedup");
  CHECK(percentile["statistic"] == "toxicity");
  CHECK(percentile["limits"].size() == 2);  // a border for each language
  CHECK(count(percentile, "dropped") == report["filters"][0]["dropped"]);
  CHECK(count(percentile, "passed") + count(percentile, "dropped") == 400);
  CHECK(count(similar, "dropped") == report["filters"][1]["dropped"]);
  CHECK(count(similar, "dropped") > 10);
  CHECK(similar["limits"][0].get<double>() == doctest::Approx(0.719).epsilon(0.001));
  for (const Json& row : similar["classes"]) CHECK(row["from"].get<double>() > 0.3);
  CHECK(cuts["limits"] == Json::array({0.9}));
  CHECK(count(cuts, "passed") + count(cuts, "dropped") == report["filters"][2]["seen"]);
  CHECK(count(cuts, "dropped") == report["filters"][2]["dropped"]);
}

TEST_CASE("statistics: classes meet without a gap, and a value lies between the ends of its class") {
  for (const Statistic& statistic :
       {Statistic{0, "a", "a", Statistic::Scale::share, 1}, Statistic{0, "b", "b", Statistic::Scale::share, 20},
        Statistic{0, "c", "c", Statistic::Scale::count, 0}}) {
    for (const double value : {0.0, 1e-9, 0.0101, 0.2, 0.999, 1.0, 1.01, 1.3, 2.0, 7.0, 19.99, 21.0, 1023.0, 1e6, 3e7, 1e300}) {
      const std::size_t at = class_of(statistic, value);
      REQUIRE(at < class_count(statistic));
      CHECK(class_begin(statistic, at) <= value + 1e-12);
      const bool last_of_scale = statistic.scale == Statistic::Scale::share && value == statistic.most;
      if (at + 1 < class_count(statistic)) CHECK((value < class_begin(statistic, at + 1) || last_of_scale));
    }
    CHECK(class_of(statistic, std::nan("")) == 0);
    CHECK(class_of(statistic, -1) == 0);
  }
  CHECK(class_begin({0, "", "", Statistic::Scale::count, 0}, 1) == 1);
  CHECK(class_of({0, "", "", Statistic::Scale::count, 0}, 1) == 1);
}

TEST_CASE("curate: a funnel that does not add up is an error that names where") {
  CurateReport report;
  report.filters = {"pii"};
  report.by_filter["pii"].seen = 2;
  report.by_filter["pii"].dropped = 1;
  GroupTally source;
  for (GroupTally* group : {&report.total, &report.by_language["en"], &source}) {
    group->in = {2, 30, 5};
    group->kept = {1, 8, 2};
    group->edited = {1, 2, 0};
    group->dropped_by["pii"] = {1, 20, 3};
  }
  CurateReport lost = report;
  report.by_source.add("s", source);
  check_funnel(report, 2);
  CHECK(error_of([&] { check_funnel(report, 3); }) == "curate: the funnel does not add up: 3 documents came in, 2 have a fate");
  source.kept.words = 1;
  lost.by_source.add("s", source);
  CHECK(error_of([&] { check_funnel(lost, 2); }).find("the funnel of source 's' does not add up") != std::string::npos);
  lost = report;
  lost.by_language["de"].in = lost.by_language["de"].kept = {1, 1, 1};
  CHECK(error_of([&] { check_funnel(lost, 2); }).find("a document has no language, or two") != std::string::npos);
  lost = report;
  lost.by_filter["pii"].seen = 3;
  CHECK(error_of([&] { check_funnel(lost, 2); }).find("at pii: 2 documents came so far, it saw 3") != std::string::npos);
}

TEST_CASE("curate: of more sources than the report shows, the largest stand there, and all others together") {
  CurateReport report;
  for (int i = 0; i < 10'500; ++i) {
    GroupTally tally;
    tally.in = tally.kept = {i % 1000 + 1, 10, 2};
    report.total += tally;
    report.by_language["en"] += tally;
    report.by_source.add(fmt::format("{:05d}", i), tally);
  }
  CHECK(report.by_source.largest().size() == 10'000);
  CHECK(report.by_source.count_of_others() == 500);
  CHECK_FALSE(report.by_source.largest().contains("00000"));
  CHECK(report.by_source.largest().contains("00999"));
  check_funnel(report, static_cast<std::size_t>(report.total.in.documents));
}
