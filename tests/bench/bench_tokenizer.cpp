// Encoding speed, for tests/bench/tokenizer.py: documents of about 10 kB made from the lines of a text file, repeated up to
// --mb, encoded --runs times on --threads. Prints one JSON line; --ids writes the ids of one run (int32), so that they can be
// compared with another program's.   bench_tokenizer TOKENIZER TEXT [--mb 25] [--runs 5] [--threads 1] [--ids FILE]
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "engine/text/tokenizer.h"

namespace {

std::vector<std::string> documents_of(const std::string& text, std::size_t bytes) {
  std::vector<std::string> documents;
  std::string current;
  std::size_t characters = 0, begin = 0;
  while (begin < text.size()) {
    const std::size_t newline = text.find('\n', begin);
    const std::size_t end = newline == std::string::npos ? text.size() : newline + 1;
    for (std::size_t i = begin; i < end; ++i) characters += (text[i] & 0xC0) != 0x80;
    current.append(text, begin, end - begin);
    begin = end;
    if (characters > 10000) documents.push_back(std::move(current)), current.clear(), characters = 0;
  }
  documents.push_back(std::move(current));
  std::vector<std::string> repeated;
  for (std::size_t total = 0; total < bytes;) {
    for (const std::string& document : documents) {
      repeated.push_back(document);
      total += document.size();
      if (total >= bytes) break;
    }
  }
  return repeated;
}

int run(int argc, char** argv) {
  if (argc < 3) cairn::fail_usage("usage: bench_tokenizer TOKENIZER TEXT [--mb N] [--runs N] [--threads N] [--ids FILE]");
  double megabytes = 25;
  int runs = 5, threads = 1;
  std::string ids_path;
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--mb")
      megabytes = std::stod(argv[i + 1]);
    else if (flag == "--runs")
      runs = std::stoi(argv[i + 1]);
    else if (flag == "--threads")
      threads = std::stoi(argv[i + 1]);
    else if (flag == "--ids")
      ids_path = argv[i + 1];
    else
      cairn::fail_usage("unknown option {}", flag);
  }
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); };
  const auto load_start = Clock::now();
  const auto tokenizer = cairn::text::Tokenizer::load(argv[1]);
  const double load_seconds = seconds_since(load_start);
  const auto documents = documents_of(cairn::read_file(argv[2]), static_cast<std::size_t>(megabytes * 1e6));
  std::size_t bytes = 0;
  for (const auto& document : documents) bytes += document.size();
  std::vector<double> rates;
  std::vector<std::vector<cairn::text::TokenId>> encoded(documents.size());
  cairn::ThreadPool pool(threads);
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    pool.parallel_ranges(static_cast<std::int64_t>(documents.size()), 16, [&](std::int64_t begin, std::int64_t end) {
      for (auto d = static_cast<std::size_t>(begin); d < static_cast<std::size_t>(end); ++d)
        encoded[d] = tokenizer.encode(documents[d], cairn::text::SpecialTokens::parse);
    });
    rates.push_back(static_cast<double>(bytes) / 1e6 / seconds_since(start));
  }
  std::vector<cairn::text::TokenId> ids;
  for (const auto& part : encoded) ids.insert(ids.end(), part.begin(), part.end());
  if (!ids_path.empty()) {
    std::ofstream out(ids_path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(ids.data()), static_cast<std::streamsize>(ids.size() * sizeof ids[0]));
  }
  std::vector<double> sorted = rates;
  std::sort(sorted.begin(), sorted.end());
  std::cout << cairn::canonical_json({{"what", "encode"},
                                      {"unit", "MB/s"},
                                      {"value", sorted[sorted.size() / 2]},
                                      {"runs", rates},
                                      {"tokens", ids.size()},
                                      {"bytes", bytes},
                                      {"load_s", load_seconds}})
            << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return 1;
  }
}
