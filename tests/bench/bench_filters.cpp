// What tests/bench/filters.py runs: a chain of filters, and the reading of documents, timed; one JSON line each on standard
// output.
//   bench_filters chain FILTERS.json TEXTS.jsonl DECISIONS.jsonl   each filter alone, the chain whole, the chain to the first
//   drop bench_filters words TEXTS.jsonl                                the words of each document, as JSON lists bench_filters
//   read FILE.jsonl.zst                              lines unpacked, documents parsed, beside libzstd alone
#include <zstd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory_use.h"
#include "engine/data/compressed.h"
#include "engine/data/document.h"
#include "engine/data/filter_chain.h"
#include "engine/data/filters/minhash.h"
#include "engine/data/json_line.h"

using namespace cairn;
using namespace cairn::data;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<Document> read_documents(const fs::path& path) {
  std::vector<Document> documents;
  const MappedFile file(path);
  LineReader lines(decompress(file.text(), path.string()), path.string());
  for (std::string_view line; lines.next(line);) parse_document_line(line, documents.emplace_back());
  return documents;
}

std::uint64_t text_bytes(const std::vector<Document>& documents) {
  std::uint64_t bytes = 0;
  for (const Document& document : documents) bytes += document.text.size();
  return bytes;
}

// Megabytes a second of `judge` over all documents, again and again for about a second; best of three.
double rate(const std::vector<Document>& documents, const std::function<void(const Document&)>& judge) {
  double best = 0;
  for (int run = 0; run < 3; ++run) {
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t rounds = 0;
    for (; rounds == 0 || seconds_since(start) < 1; ++rounds) {
      for (const Document& document : documents) judge(document);
    }
    best = std::max(best, static_cast<double>(text_bytes(documents) * rounds) / seconds_since(start) / 1e6);
  }
  return best;
}

// A document on its way: its text as the filters left it. Calls `said` with each filter's judgement and the text behind it.
template <typename Said>
void pass(const std::vector<NamedFilter>& filters, const Document& document, bool stop, Said&& said) {
  std::string edited;
  std::string_view text = document.text;
  Document with_text = document;
  TextAnalysis analysis(text);
  for (const NamedFilter& named : filters) {
    Judgement judgement = named.filter->judge(with_text, analysis);
    analysis.measures().clear();
    if (judgement.action == Judgement::Action::edit) {
      edited = std::move(judgement.text);
      with_text.text = edited;
      analysis = TextAnalysis(with_text.text);
    }
    said(named, judgement, with_text.text);
    if (stop && judgement.action == Judgement::Action::drop) return;
  }
}

std::vector<Stage> stages_of(const fs::path& filters_file) {
  const Schema schema = object({field("filters", filter_chain_schema(), "as in a pipeline")});
  const Config config(schema.complete({{"filters", read_json(filters_file)}}, "config"));
  return make_filter_chain(config.objects("filters"));
}

void decide(const std::vector<NamedFilter>& filters, const std::vector<Document>& documents, const fs::path& out) {
  std::ofstream decisions(out);
  for (const Document& document : documents) {
    std::string line = "{\"id\":";
    append_json_string(line, document.id);
    pass(filters, document, false, [&](const NamedFilter& named, const Judgement& judgement, std::string_view text) {
      line += fmt::format(",\"{}\":\"{}\",\"{}_text\":\"{}\"", named.name,
                          judgement.action == Judgement::Action::drop ? judgement.rule : "", named.name, sha256(text).hex());
      if (!judgement.language.empty()) line += fmt::format(",\"language\":\"{}\"", judgement.language);
    });
    decisions << line << "}\n";
  }
}

void chain(const fs::path& filters_file, const fs::path& texts, const fs::path& out) {
  const std::vector<Stage> stages = stages_of(filters_file);
  const std::vector<NamedFilter>& filters = stages.at(0).filters;
  const std::vector<Document> documents = read_documents(texts);
  decide(filters, documents, out);

  const auto tell = [&](std::string_view what, double value) {
    fmt::print("{{\"what\": \"{}\", \"mb_per_s\": {:.2f}, \"documents\": {}, \"mb\": {:.2f}, \"peak_mb\": {}}}\n", what, value,
               documents.size(), static_cast<double>(text_bytes(documents)) / 1e6, peak_resident_bytes() / 1'000'000);
  };
  std::size_t sink = 0;
  tell("words", rate(documents, [&](const Document& document) { sink += TextAnalysis(document.text).words().size(); }));
  for (const NamedFilter& named : filters) {
    tell(named.name, rate(documents, [&](const Document& document) {
           TextAnalysis analysis(document.text);
           sink += named.filter->judge(document, analysis).rule.size();
         }));
  }
  for (const bool stop : {false, true}) {
    tell(stop ? "chain to the first drop" : "chain", rate(documents, [&](const Document& document) {
           pass(filters, document, stop,
                [&](const NamedFilter&, const Judgement& judgement, std::string_view) { sink += judgement.rule.size(); });
         }));
  }
  if (sink == 0) fail("{}: no words", texts.string());
}

void minhash(const fs::path& texts) {
  MinHashParams params;
  params.hashes = MinHashes::datatrove;
  const MinHasher hasher(params);
  for (const Document& document : read_documents(texts)) {
    const std::optional<MinHashSignature> signature = hasher.signature(document.text);
    if (!signature) {
      std::cout << "none\n";
      continue;
    }
    std::cout << sha256({reinterpret_cast<const char*>(signature->data()), signature->size() * sizeof(std::uint64_t)}).hex()
              << "\n";
  }
}

void words_of(const fs::path& texts) {
  for (const Document& document : read_documents(texts)) {
    std::string line;
    TextAnalysis analysis(document.text);
    for (const std::string_view word : analysis.reading(Unspaced::whole).words()) {
      line += line.empty() ? "[" : ",";
      append_json_string(line, word);
    }
    std::cout << (line.empty() ? "[" : line) << "]\n";
  }
}

void read(const fs::path& path) {
  const MappedFile file(path);
  const std::string_view packed = file.text();
  std::vector<char> window(ZSTD_DStreamOutSize());
  std::uint64_t unpacked = 0;
  const auto zstd_alone = [&] {
    unpacked = 0;
    ZSTD_DStream* stream = ZSTD_createDStream();
    for (ZSTD_inBuffer in{packed.data(), packed.size(), 0}; in.pos < in.size;) {
      ZSTD_outBuffer bytes{window.data(), window.size(), 0};
      if (ZSTD_isError(ZSTD_decompressStream(stream, &bytes, &in))) fail("{}: damaged", path.string());
      unpacked += bytes.pos;
    }
    ZSTD_freeDStream(stream);
  };
  std::uint64_t documents = 0, text = 0;
  const auto lines_alone = [&] {
    LineReader lines(decompress(packed, path.string()), path.string());
    for (std::string_view line; lines.next(line);) text += line.size();
  };
  const auto parsed = [&] {
    LineReader lines(decompress(packed, path.string()), path.string());
    Document document;
    documents = 0;
    for (std::string_view line; lines.next(line); ++documents) {
      document = Document();
      parse_document_line(line, document);
    }
  };
  // In turn, so that a busy machine hits all alike; the best of fifteen.
  double seconds[3] = {1e9, 1e9, 1e9};
  for (int run = 0; run < 15; ++run) {
    int which = 0;
    for (const std::function<void()>& work :
         {std::function<void()>(zstd_alone), std::function<void()>(lines_alone), std::function<void()>(parsed)}) {
      const auto start = std::chrono::steady_clock::now();
      work();
      seconds[which] = std::min(seconds[which], seconds_since(start));
      ++which;
    }
  }
  const auto mb = static_cast<double>(unpacked) / 1e6;
  fmt::print(
      "{{\"unpacked_mb\": {:.2f}, \"packed_mb\": {:.2f}, \"documents\": {}, \"zstd_mb_per_s\": {:.1f}, \"lines_mb_per_s\": "
      "{:.1f}, "
      "\"documents_mb_per_s\": {:.1f}, \"peak_mb\": {}}}\n",
      mb, static_cast<double>(packed.size()) / 1e6, documents, mb / seconds[0], mb / seconds[1], mb / seconds[2],
      peak_resident_bytes() / 1'000'000);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 4 && words[0] == "chain") return chain(words[1], words[2], words[3]), 0;
    if (words.size() == 4 && words[0] == "decide")
      return decide(stages_of(words[1]).at(0).filters, read_documents(words[2]), words[3]), 0;
    if (words.size() == 2 && words[0] == "minhash") return minhash(words[1]), 0;
    if (words.size() == 2 && words[0] == "words") return words_of(words[1]), 0;
    if (words.size() == 2 && words[0] == "read") return read(words[1]), 0;
    std::cerr << "usage: bench_filters chain|decide FILTERS.json TEXTS.jsonl DECISIONS.jsonl | minhash TEXTS.jsonl | words "
                 "TEXTS.jsonl | read FILE.jsonl.zst\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
