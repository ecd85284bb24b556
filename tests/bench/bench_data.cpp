// What tests/bench/curate.py and others run: parts of the data engine on given files, timed, one JSON line each on standard
// output.
//   bench_data extract FOLDER OUT.jsonl      main content of FOLDER's pages, perhaps .gz, as {"id", "text"}, and libxml2's parse
//   alone bench_data robots FOLDER                  decisions by FOLDER/HOST (robots.txt files) for a list of agents bench_data
//   warc FILE                      records and documents of a web archive bench_data language MODEL TEXTS.jsonl     languages by
//   a fastText model bench_data fineweb2 CONFIGS TEXTS.jsonl   FineWeb-2's rules, words of each language included bench_data pii
//   TEXTS.jsonl RULES OUT      spans of personal identifiers by rules cairn or apertus, a line a text bench_data licences
//   CASES.json            the licence of each case by its marks, then how fast bench_data decisions FOLDER COUNT documents looked
//   up among COUNT made-up ones bench_data run PIPELINE.json OUT THREADS  its "corpus" (ingest) and "clean" (curate) steps,
//   outputs under OUT
#include <libxml/HTMLparser.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory_use.h"
#include "engine/data/classifiers/fasttext.h"
#include "engine/data/compressed.h"
#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/filters/fineweb2.h"
#include "engine/data/filters/pii.h"
#include "engine/data/filters/pii_patterns.h"
#include "engine/data/html/html_text.h"
#include "engine/data/ingest.h"
#include "engine/data/json_line.h"
#include "engine/data/licences/licence_marks.h"
#include "engine/data/robots/robots.h"
#include "engine/data/robots/robots_files.h"
#include "engine/data/sources/warc.h"
#include "engine/data/sources/warc_source.h"
#include "engine/steps/external.h"
#include "engine/steps/step_context.h"

using namespace cairn;
using namespace cairn::data;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void extract(const fs::path& folder, const fs::path& out) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::ofstream lines(out);
  std::size_t bytes = 0;
  double seconds = 0, parse_seconds = 0;
  for (const fs::path& path : files) {
    const MappedFile file(path);
    const std::string page = decompress_all(file.text(), path.filename().string(), 1 << 28);
    const auto parsing = std::chrono::steady_clock::now();
    xmlFreeDoc(
        htmlReadMemory(page.data(), static_cast<int>(page.size()), nullptr, "UTF-8",
                       HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_COMPACT));
    parse_seconds += seconds_since(parsing);
    const auto start = std::chrono::steady_clock::now();
    const HtmlText text = extract_html(page);
    seconds += seconds_since(start);
    bytes += page.size();
    std::string line = "{\"id\":";
    std::string id = path.filename().string();
    append_json_string(line, id.substr(0, id.find('.')));
    line += ",\"text\":";
    append_json_string(line, text.text);
    lines << line << "}\n";
  }
  fmt::print("{{\"pages\": {}, \"mb\": {:.2f}, \"seconds\": {:.4f}, \"parse_seconds\": {:.4f}, \"peak_mb\": {}}}\n", files.size(),
             bytes / 1e6, seconds, parse_seconds, peak_resident_bytes() / 1'000'000);
}

// Each file's hosts asked for addresses that its own rules name and for others, for the 15 agents of Apertus.
void robots(const fs::path& folder) {
  const std::vector<std::string> agents = robots_agents({"apertus-code@1"});
  struct Host {
    RobotsRules rules;
    std::vector<std::string> urls;
  };
  for (const RobotsReading reading : {RobotsReading::rfc, RobotsReading::protego}) {
    std::vector<Host> hosts;
    std::size_t bytes = 0;
    const auto parsing = std::chrono::steady_clock::now();
    for_each_robots_file(folder, "2025-01-15", [&](const RobotsSnapshot& file) {
      bytes += file.body.size();
      Host& host = hosts.emplace_back();
      host.rules = RobotsRules(file.body, agents, reading);
      for (std::size_t at = file.body.find("llow: /"); at != std::string_view::npos && host.urls.size() < 20;
           at = file.body.find("llow: /", at + 1)) {
        const std::string_view path = file.body.substr(at + 6, file.body.find_first_of("*$ \r\n", at + 6) - at - 6);
        host.urls.push_back(fmt::format("https://{}{}some/page-{}.html?id={}", file.host, path, at, at));
      }
      for (int i = 0; i < 20; ++i)
        host.urls.push_back(fmt::format("https://{}/articles/2024/03/{}/a-title-of-some-words.html", file.host, i));
    });
    const double parsed = seconds_since(parsing);
    std::size_t decisions = 0, blocked = 0;
    const auto start = std::chrono::steady_clock::now();
    while (seconds_since(start) < 1) {
      for (const Host& host : hosts) {
        for (const std::string& url : host.urls) blocked += !host.rules.decide(url).blocked.empty();
        decisions += host.urls.size();
      }
    }
    const double seconds = seconds_since(start);
    fmt::print(
        "{{\"reading\": \"{}\", \"peak_mb\": {}, \"files\": {}, \"parse_mb_per_s\": {:.1f}, \"documents_per_s\": {:.0f}, "
        "\"agent_decisions_per_s\": {:.0f}, \"blocked\": {:.3f}}}\n",
        reading == RobotsReading::rfc ? "rfc" : "protego", peak_resident_bytes() / 1'000'000, hosts.size(), bytes / 1e6 / parsed,
        decisions / seconds, decisions * agents.size() / seconds, static_cast<double>(blocked) / static_cast<double>(decisions));
  }
}

void warc(const fs::path& path) {
  struct Count : Intake {
    void document(Document&& document) override { ++documents, text += document.text.size(); }
    void skipped(std::string_view) override { ++others; }
    void damaged(std::string_view, const std::string&) override { ++others; }
    std::size_t documents = 0, others = 0, text = 0;
  } count;
  const MappedFile file(path);
  const std::string plain = decompress_all(file.text(), path.filename().string(), std::uint64_t{1} << 34);
  const auto start = std::chrono::steady_clock::now();
  WarcReader().read(file.text(), path.filename().string(), count);
  const double seconds = seconds_since(start);
  ArchiveReader records(file.text(), [](const RecordDamage&) {});
  ArchiveRecord record;
  const auto again = std::chrono::steady_clock::now();
  while (records.next(record)) {
  }
  fmt::print(
      "{{\"records\": {}, \"documents\": {}, \"unpacked_mb\": {:.2f}, \"records_mb_per_s\": {:.1f}, \"documents_mb_per_s\": "
      "{:.1f}, \"peak_mb\": {}}}\n",
      count.documents + count.others, count.documents, plain.size() / 1e6, plain.size() / 1e6 / seconds_since(again),
      plain.size() / 1e6 / seconds, peak_resident_bytes() / 1'000'000);
}

// One step without a ledger.
void run_step(const steps::StepSpec& spec, Json config, const fs::path& out, int threads,
              std::map<std::string, std::vector<steps::StepInput>> inputs) {
  ThreadPool pool(threads);
  StopToken stop;
  steps::StepSetup setup;
  Json runtime = Json::object();
  if (const auto given = config.find("runtime"); given != config.end()) {
    runtime = *given;
    config.erase(given);
  }
  setup.config = Config(spec.config.complete(config, "config"));
  setup.runtime = Config(spec.runtime.complete(runtime, "runtime"));
  setup.inputs = std::move(inputs);
  setup.staging = out / spec.name;
  setup.scratch = out / (spec.name + "-scratch");
  setup.metrics = out / (spec.name + "-metrics.jsonl");
  setup.threads = &pool;
  setup.stop = &stop;
  setup.disk = &real_disk();
  setup.progress_style = Progress::Style::quiet;
  for (const fs::path& folder : {setup.staging, setup.scratch}) {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  if (spec.externals) {
    for (const steps::External& external : spec.externals(*setup.config)) {
      std::vector<std::string> files;
      if (fs::is_directory(external.path)) files = steps::matching_members(external.path, external.globs);
      setup.inputs[external.role].push_back({external.path, {}, "raw", external.path, files});
    }
  }
  const auto start = std::chrono::steady_clock::now();
  steps::StepContext context(setup);
  spec.run(context);
  const double seconds = seconds_since(start);
  fmt::print("{{\"step\": \"{}\", \"seconds\": {:.4f}, \"threads\": {}, \"peak_mb\": {}, \"summary\": \"{}\"}}\n", spec.name,
             seconds, threads, peak_resident_bytes() / 1'000'000, context.summary());
}

void run(const fs::path& pipeline, const fs::path& out, int threads) {
  const Json config = read_json(pipeline);
  run_step(kIngest, config.at("steps").at("corpus").at("config"), out, threads, {});
  steps::StepInput documents;
  documents.path = out / "ingest" / "documents";
  run_step(kCurate, config.at("steps").at("clean").at("config"), out, threads, {{"documents", {documents}}});
}

// Texts of {"text", "language"}, judged again and again for two seconds.
void judge_texts(const fs::path& file, const std::function<void(const Document&)>& judge) {
  std::vector<Document> documents;
  std::ifstream lines(file);
  std::uint64_t bytes = 0;
  for (std::string line; std::getline(lines, line);) {
    parse_document_line(line, documents.emplace_back());
    bytes += documents.back().text.size();
  }
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t rounds = 0;
  for (; rounds == 0 || seconds_since(start) < 2; ++rounds) {
    for (const Document& document : documents) judge(document);
  }
  std::cout << fmt::format("{{\"mb_per_s\": {}, \"peak_mb\": {}}}\n",
                           static_cast<double>(bytes * rounds) / seconds_since(start) / 1e6, peak_resident_bytes() / 1'000'000);
}

void language(const fs::path& file, const fs::path& texts) {
  const FastTextModel model(file);
  judge_texts(texts, [&](const Document& document) { model.predict(document.text); });
}

void fineweb2(const fs::path& folder, const fs::path& texts) {
  FineWeb2Params params;
  for (const fs::directory_entry& file : fs::directory_iterator(folder))
    params.thresholds.emplace(file.path().stem().string(),
                              read_fineweb2_thresholds(read_file(file.path()), file.path().string()));
  const FineWeb2Filter filter(params);
  judge_texts(texts, [&](const Document& document) {
    TextAnalysis analysis(document.text);
    filter.judge(document, analysis);
  });
}

// Spans as the filter would replace them; of Apertus' patterns where they match, not the repetitions of a match elsewhere.
std::vector<PiiSpan> pii_spans(std::string_view text, bool apertus_rules) {
  PiiParams params;
  if (!apertus_rules) return find_pii(text, params);
  std::vector<PiiSpan> spans;
  using Find = pii::Match (*)(std::string_view, std::size_t);
  const std::pair<PiiKind, Find> kPatterns[] = {
      {PiiKind::email, pii::find_email}, {PiiKind::ip, pii::find_ipv4_anywhere}, {PiiKind::iban, pii::find_iban_grouped}};
  for (const auto& [kind, find] : kPatterns) {
    for (pii::Match match = find(text, 0); match.end != 0; match = find(text, match.end))
      spans.push_back({kind, match.begin, match.end});
  }
  return spans;
}

void personal_identifiers(const fs::path& file, const std::string& rules, const fs::path& out) {
  if (rules != "cairn" && rules != "apertus") fail_usage("rules {}: expected cairn or apertus", rules);
  const bool apertus = rules == "apertus";
  std::ofstream lines(out);
  judge_texts(file, [&](const Document& document) { pii_spans(document.text, apertus); });
  Document document;
  std::ifstream texts(file);
  for (std::string line; std::getline(texts, line);) {
    parse_document_line(line, document);
    Json spans = Json::array();
    for (const PiiSpan& span : pii_spans(document.text, apertus))
      spans.push_back({pii_kind_name(span.kind), span.begin, span.end});
    lines << spans.dump() << "\n";
  }
}

FoundLicence licence_of_case(const Json& entry) {
  if (entry.contains("text")) return licence_of_text(entry["text"].get_ref<const std::string&>());
  std::vector<LicenceMark> marks;
  if (entry.contains("link")) marks = licences_of_link_header(entry["link"].get_ref<const std::string&>());
  const HtmlText page = extract_html(entry["html"].get_ref<const std::string&>());
  marks.insert(marks.end(), page.licences.begin(), page.licences.end());
  return licence_of_marks(marks);
}

void licences(const fs::path& file) {
  const Json cases = read_json(file);
  std::size_t bytes = 0;
  for (const Json& entry : cases) {
    const FoundLicence found = licence_of_case(entry);
    std::cout
        << Json({{"form", entry["form"]}, {"expect", entry["expect"]}, {"licence", found.licence}, {"evidence", found.evidence}})
               .dump()
        << "\n";
    bytes += entry[entry.contains("text") ? "text" : "html"].get_ref<const std::string&>().size();
  }
  const auto start = std::chrono::steady_clock::now();
  std::size_t rounds = 0;
  for (; rounds == 0 || seconds_since(start) < 2; ++rounds) {
    for (const Json& entry : cases) licence_of_case(entry);
  }
  std::cout << fmt::format("{{\"mb_per_s\": {}}}\n", static_cast<double>(bytes * rounds) / seconds_since(start) / 1e6);
}

// Looking documents up among `count` made-up ones, by each of the ways in which `cairn why` does.
void decisions(const fs::path& folder, std::size_t count) {
  const auto url_of = [](std::size_t i) {
    return fmt::format("https://www.site-{}.example/{}/page-{}.html", i % 99'991, i % 7, i);
  };
  const auto id_of = [](std::size_t i) { return sha256(std::to_string(i)); };
  {
    ThreadPool threads(1);
    DecisionsWriter writer(real_disk(), folder / "scratch", 4'000'000'000, threads);
    for (std::size_t i = 0; i < count; ++i) {
      Decision decision;
      decision.id = id_of(i);
      decision.url = url_of(i);
      decision.source = fmt::format("site-{}.example", i % 99'991);
      decision.language = "en";
      writer.add(decision);
    }
    writer.finish(folder / "decisions");
  }
  const auto report = [&](const char* way, const auto& look) {
    double slowest = 0, sum = 0;
    constexpr std::size_t asked = 2000;
    for (std::size_t i = 0; i < asked; ++i) {
      const std::size_t document = (i * 7'919'993) % count;
      const auto start = std::chrono::steady_clock::now();
      const Decisions decisions(folder / "decisions");  // as a new start of the program opens it
      const auto found = look(decisions, document);
      if (found.empty() || decisions.at(found.front()).url != url_of(document))
        fail("document {} was not found by {}", document, way);
      const double seconds = seconds_since(start);
      slowest = std::max(slowest, seconds);
      sum += seconds;
    }
    const auto line = [&](const char* which, double seconds) {
      std::cout << Json{{"what", fmt::format("one of {} documents, by {}, {}", count, way, which)},
                        {"value", std::round(seconds * 1e7) / 10},
                        {"unit", "us"}}
                       .dump()
                << std::endl;
    };
    line("mean", sum / asked);
    line("slowest", slowest);
  };
  report("address", [&](const Decisions& d, std::size_t i) { return d.by_url(url_of(i), true, 2); });
  report("end of the address",
         [](const Decisions& d, std::size_t i) { return d.by_url_suffix(fmt::format("page-{}.html", i), 2); });
  report("id", [&](const Decisions& d, std::size_t i) { return d.by_id(id_of(i).hex(), 2); });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 3 && words[0] == "extract") return extract(words[1], words[2]), 0;
    if (words.size() == 2 && words[0] == "robots") return robots(words[1]), 0;
    if (words.size() == 2 && words[0] == "warc") return warc(words[1]), 0;
    if (words.size() == 3 && words[0] == "language") return language(words[1], words[2]), 0;
    if (words.size() == 3 && words[0] == "fineweb2") return fineweb2(words[1], words[2]), 0;
    if (words.size() == 4 && words[0] == "pii") return personal_identifiers(words[1], words[2], words[3]), 0;
    if (words.size() == 2 && words[0] == "licences") return licences(words[1]), 0;
    if (words.size() == 3 && words[0] == "decisions") return decisions(words[1], std::stoull(words[2])), 0;
    if (words.size() == 4 && words[0] == "run") return run(words[1], words[2], std::stoi(words[3])), 0;
    std::cerr
        << "usage: bench_data extract FOLDER OUT.jsonl | robots FOLDER | warc FILE | language MODEL TEXTS | fineweb2 "
           "CONFIGS TEXTS | pii TEXTS RULES OUT | licences CASES | decisions FOLDER COUNT | run PIPELINE.json OUT THREADS\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
