// Training time of byte-level BPE, for tests/bench/tokenizer.py: documents are the lines of a text file in pieces of about 10 kB.
// Prints one JSON line; --merges writes the merges, so that they can be compared with another program's.
//   bench_bpe_trainer TEXT [--vocab 32000] [--threads 2] [--pattern gpt2] [--merges FILE] [--scratch FOLDER]
#include <chrono>
#include <fstream>
#include <iostream>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory_use.h"
#include "engine/text/bpe_trainer.h"
#include "engine/text/byte_alphabet.h"

namespace {

constexpr std::size_t kDocumentCharacters = 10'000, kBatchBytes = 16'000'000;

int run(int argc, char** argv) {
  if (argc < 2) cairn::fail_usage("usage: bench_bpe_trainer TEXT [--vocab N] [--threads N] [--pattern NAME] [--merges FILE] [--scratch FOLDER]");
  std::int64_t vocab = 32000;
  int threads = 2;
  std::string merges_path, scratch, pattern = "gpt2";
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--vocab")
      vocab = std::stoll(argv[i + 1]);
    else if (flag == "--threads")
      threads = std::stoi(argv[i + 1]);
    else if (flag == "--scratch")
      scratch = argv[i + 1];
    else if (flag == "--pattern")
      pattern = argv[i + 1];
    else if (flag == "--merges")
      merges_path = argv[i + 1];
    else
      cairn::fail_usage("unknown option {}", flag);
  }
  cairn::ThreadPool pool(threads);
  cairn::text::BpeTrainer trainer({.vocab_size = vocab,
                                   .pattern = pattern,
                                   .special_tokens = {},
                                   .plain_tokens = {},
                                   .min_frequency = 1,
                                   .scratch = scratch});
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::ifstream file(argv[1], std::ios::binary);
  if (!file) cairn::fail("{}: cannot be read", argv[1]);
  const auto start = Clock::now();
  std::vector<std::string> batch(1);
  std::size_t batch_bytes = 0, bytes = 0, characters = 0;
  for (std::string line; std::getline(file, line);) {
    if (!file.eof()) line += '\n';
    for (const char c : line) characters += (c & 0xC0) != 0x80;
    batch.back() += line;
    batch_bytes += line.size(), bytes += line.size();
    if (characters > kDocumentCharacters) batch.emplace_back(), characters = 0;
    if (batch_bytes > kBatchBytes && characters == 0) trainer.add(batch, pool), batch.assign(1, ""), batch_bytes = 0;
  }
  trainer.add(batch, pool);
  const double counted = seconds_since(start);
  const cairn::text::TrainedBpe bpe = trainer.train(pool);
  const double seconds = seconds_since(start);
  const std::int64_t words = trainer.distinct_words();
  if (!merges_path.empty()) {
    std::ofstream out(merges_path, std::ios::binary);
    for (const auto& [left, right] : bpe.merges) {
      const auto written = [&](cairn::text::TokenId id) {
        return cairn::text::to_alphabet(bpe.tokens[static_cast<std::size_t>(id)]);
      };
      out << written(left) << ' ' << written(right) << '\n';
    }
  }
  std::cout << cairn::canonical_json({{"what", "train"},
                                      {"unit", "s"},
                                      {"value", seconds},
                                      {"counting_s", counted},
                                      {"bytes", bytes},
                                      {"distinct_words", words},
                                      {"merges", bpe.merges.size()},
                                      {"peak_bytes", cairn::peak_resident_bytes()}})
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
