// Documents that the tests of curate are about, and what a run made of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/data/document.h"
#include "tests/support/run_step.h"

namespace cairn::test {

inline const std::vector<std::string>& curate_words() {
  static const std::vector<std::string> words = {
      "the", "boat",   "that",   "came",   "with",    "evening", "and",   "harbour", "of",     "salt",  "to",     "wind",  "have",
      "be",  "letter", "master", "basket", "morning", "stone",   "river", "window",  "garden", "bread", "candle", "winter"};
  return words;
}

// Prose-like text of its own for each number.
inline std::string prose(int number, int words = 160) {
  std::string text;
  std::uint64_t state = static_cast<std::uint64_t>(number) * 0x9E3779B97F4A7C15u + 1;
  for (int i = 0; i < words; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += curate_words()[(state >> 33) % curate_words().size()] + fmt::format("{}", (state >> 40) % 3 == 0 ? "s" : "");
    text += i % 9 == 8 ? ". " : " ";
  }
  return text + "end.";
}

inline data::Document document_of(std::string text, std::string url, std::string source = "s", std::string language = "en") {
  return {data::document_id(text), std::move(text),       std::move(source), std::move(url), "MIT",
          std::move(language),     "2024-01-01T00:00:00Z"};
}

inline void write_documents(const fs::path& folder, const std::vector<data::Document>& documents) {
  data::DocumentWriter writer(real_disk(), folder);
  for (const data::Document& document : documents) writer.append(document);
  writer.finish();
}

inline std::vector<data::Document> documents_of(const fs::path& folder) {
  std::vector<data::Document> documents;
  data::DocumentReader reader(folder);
  for (data::Document document; reader.next(document);) documents.push_back(document);
  return documents;
}

inline constexpr const char* kCurateChain =
    R"({"filters": [{"filter": "licence", "allow": ["MIT"]}, {"filter": "pii"}, {"filter": "gopher_quality"},
    {"filter": "exact_dedup"}, {"filter": "minhash"}, {"filter": "c4", "terminal_punctuation": false}],
    "held_out": {"fraction": 0.1}, "runtime": {"piece_bytes": 1}})";

// 400 documents of two sources with every fate.
inline std::vector<data::Document> mixed_documents() {
  std::vector<data::Document> documents;
  for (int i = 0; i < 400; ++i) {
    std::string text = prose(i);
    if (i % 10 == 3) text += " Write to someone@example.org now.";
    if (i % 10 == 4) text = "too short";
    if (i % 10 == 5) text = prose(i - 1 - i % 20);                 // same as another document
    if (i % 10 == 6) text = prose(i - 5) + " and one more line.";  // near-duplicate
    if (i % 20 == 17) text += "\nint main() { return 0; } is code of some kind.";
    documents.push_back(document_of(text, fmt::format("page-{:03d}.html", i), i % 2 ? "odd" : "even"));
    if (i % 50 == 49) documents.back().licence = "Proprietary";
  }
  return documents;
}

inline std::string all_digests(const StepRun& run) {
  return run.digest("documents") + run.digest("held_out") + run.digest("decisions") + run.digest("report");
}

}  // namespace cairn::test
