#include "engine/data/evaluation_texts.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/mapped_file.h"
#include "engine/data/characters.h"
#include "engine/data/compressed.h"
#include "engine/data/json_line.h"
#include "engine/data/words.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

constexpr std::string_view kEndings[] = {".jsonl", ".jsonl.gz", ".jsonl.zst"};

// The name without its ending, or nothing for another kind of file.
std::string set_name(const std::string& path) {
  for (const std::string_view ending : kEndings) {
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  }
  return {};
}

// Names are words of reports, with '#' before the item.
std::string plain_name(std::string name) {
  for (char& c : name) {
    if (std::string_view(" ,;#\t\n\r").find(c) != std::string_view::npos) c = '_';
  }
  return name.empty() ? "_" : name;
}

std::uint64_t hash_of(const std::uint64_t* words, std::size_t count) {
  std::uint64_t hash = count;
  for (std::size_t i = 0; i < count; ++i) hash = (std::rotl(hash, 23) ^ words[i]) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 32);
}

void append_hashes(std::string_view simple, std::vector<std::string_view>& words, std::vector<std::uint64_t>& hashes) {
  words.clear();
  split_words(simple, words);
  for (const std::string_view word : words) hashes.push_back(xxhash64(word));
}

}  // namespace

std::vector<std::uint64_t> word_hashes(std::string_view text) {
  std::vector<std::string_view> words;
  std::vector<std::uint64_t> hashes;
  append_hashes(simplify(text), words, hashes);
  return hashes;
}

std::vector<std::uint64_t> word_hashes(std::string_view text, std::vector<std::pair<std::size_t, std::size_t>>& bytes) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  std::vector<std::string_view> words;
  std::vector<std::uint64_t> hashes;
  bytes.clear();
  for (std::size_t begin = 0; (begin = text.find_first_not_of(kSpace, begin)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
    const std::string simple = simplify(text.substr(begin, end - begin));
    append_hashes(simple, words, hashes);
    bytes.resize(hashes.size(), {begin, end});
    begin = end;
  }
  return hashes;
}

EvaluationTexts::EvaluationTexts(const std::filesystem::path& file, const std::vector<std::string>& fields,
                                 std::size_t ngram_words) {
  std::vector<std::pair<std::string, std::filesystem::path>> files;
  if (std::filesystem::is_directory(file)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(file)) {
      const std::string name = set_name(std::filesystem::relative(entry.path(), file).generic_string());
      if (entry.is_regular_file() && !name.empty()) files.emplace_back(name, entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) fail("{}: no evaluation sets: expected files that end in .jsonl, .jsonl.gz or .jsonl.zst", file.string());
  } else {
    const std::string name = set_name(file.filename().string());
    files.emplace_back(name.empty() ? file.filename().string() : name, file);
  }
  for (const auto& [name, path] : files) read(path, name, fields);
  for (std::uint32_t item = 0; item < items_.size(); ++item) add_grams(item, ngram_words);
  if (grams_.empty()) fail("{}: no item of an evaluation set has {} words", file.string(), std::min(kLeastWords, ngram_words));
  std::sort(grams_.begin(), grams_.end(), [](const Gram& x, const Gram& y) {
    return std::tie(x.hash, x.item, x.word, x.words) < std::tie(y.hash, y.item, y.word, y.words);
  });
  maybe_.resize(std::bit_ceil(grams_.size() * 16) / 64 + 1);
  std::sort(lengths_.begin(), lengths_.end());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
  for (const Gram& gram : grams_) maybe_[gram.hash / 64 % maybe_.size()] |= std::uint64_t{1} << gram.hash % 64;
}

void EvaluationTexts::read(const std::filesystem::path& file, const std::string& name, const std::vector<std::string>& fields) {
  const MappedFile mapped(file);
  LineReader lines(decompress(mapped.text(), file.string()), file.string());
  std::vector<std::string> texts(fields.size());
  std::string_view bytes;
  std::string key, value;
  while (lines.next(bytes)) {
    if (strip(bytes).empty()) continue;
    std::string set = name, id = fmt::format("{}", lines.line_number());
    std::fill(texts.begin(), texts.end(), std::string());
    bool found = false;
    try {
      JsonLine line(bytes);
      line.open_object();
      while (line.next_member(key)) {
        const auto field = std::find(fields.begin(), fields.end(), key);
        if (!line.string_follows()) {
          line.skip_value();
          continue;
        }
        line.take_string(value);
        if (field != fields.end()) {
          texts[static_cast<std::size_t>(field - fields.begin())] = value;
          found = true;
        } else if (key == "benchmark") {
          set = value;
        } else if (key == "id") {
          id = value;
        }
      }
      line.finish();
      if (!found) fail("expected a text in \"{}\"", fmt::join(fields, "\" or \""));
    } catch (const Error& error) {
      fail("{}: line {}: {}", file.string(), lines.line_number(), error.what());
    }
    set = plain_name(set);
    auto benchmark = std::find(benchmarks_.begin(), benchmarks_.end(), set);
    if (benchmark == benchmarks_.end()) benchmark = benchmarks_.insert(benchmarks_.end(), set);
    items_.push_back({fmt::format("{}#{}", set, plain_name(id)), static_cast<std::uint32_t>(benchmark - benchmarks_.begin()),
                      word_hashes(fmt::format("{}", fmt::join(texts, "\n")))});
  }
}

void EvaluationTexts::add_grams(std::uint32_t item, std::size_t ngram_words) {
  const std::vector<std::uint64_t>& words = items_[item].words;
  if (words.size() < std::min(kLeastWords, ngram_words)) return;
  const std::size_t length = std::min(ngram_words, words.size());
  lengths_.push_back(length);
  for (std::uint32_t i = 0; i + length <= words.size(); ++i)
    grams_.push_back({hash_of(&words[i], length), item, i, static_cast<std::uint32_t>(length)});
}

std::vector<SharedRun> EvaluationTexts::shared_runs(const std::vector<std::uint64_t>& words) const {
  std::vector<SharedRun> runs;
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    const std::size_t before = runs.size();
    for (const std::size_t length : lengths_) {
      if (i + length > words.size()) break;
      const std::uint64_t hash = hash_of(&words[i], length);
      if ((maybe_[hash / 64 % maybe_.size()] >> hash % 64 & 1) == 0) continue;
      auto gram = std::lower_bound(grams_.begin(), grams_.end(), hash, [](const Gram& x, std::uint64_t h) { return x.hash < h; });
      for (; gram != grams_.end() && gram->hash == hash; ++gram) {
        const std::vector<std::uint64_t>& own = items_[gram->item].words;
        if (gram->words == length && std::equal(&words[i], &words[i] + length, &own[gram->word]))
          runs.push_back({gram->item, gram->word, i, gram->words});
      }
    }
    std::sort(runs.begin() + static_cast<std::ptrdiff_t>(before), runs.end(), [](const SharedRun& x, const SharedRun& y) {
      return std::tie(x.item, x.item_word, x.words) < std::tie(y.item, y.item_word, y.words);
    });
  }
  return runs;
}

std::vector<MatchingBlock> matching_blocks(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> places;  // in b
  for (std::size_t j = 0; j < b.size(); ++j) places[b[j]].push_back(j);
  struct Range {
    std::size_t a_begin, a_end, b_begin, b_end;
  };
  std::vector<MatchingBlock> blocks;
  std::vector<Range> ranges{{0, a.size(), 0, b.size()}};
  // lengths[j + 1]: of the run in common that ends at b[j] and the current word of a. Kept sparse: cleared by what was set.
  std::vector<std::size_t> lengths(b.size() + 1, 0), next(b.size() + 1, 0), set, next_set;
  while (!ranges.empty()) {
    const Range range = ranges.back();
    ranges.pop_back();
    MatchingBlock best{range.a_begin, range.b_begin, 0};
    for (std::size_t i = range.a_begin; i < range.a_end; ++i) {
      next_set.clear();
      if (const auto found = places.find(a[i]); found != places.end()) {
        for (const std::size_t j : found->second) {
          if (j < range.b_begin) continue;
          if (j >= range.b_end) break;
          const std::size_t length = next[j + 1] = lengths[j] + 1;
          next_set.push_back(j + 1);
          if (length > best.size) best = {i + 1 - length, j + 1 - length, length};
        }
      }
      for (const std::size_t j : set) lengths[j] = 0;
      lengths.swap(next);
      set.swap(next_set);
    }
    for (const std::size_t j : set) lengths[j] = 0;
    set.clear();
    if (best.size == 0) continue;
    blocks.push_back(best);
    if (range.a_begin < best.a && range.b_begin < best.b) ranges.push_back({range.a_begin, best.a, range.b_begin, best.b});
    if (best.a + best.size < range.a_end && best.b + best.size < range.b_end)
      ranges.push_back({best.a + best.size, range.a_end, best.b + best.size, range.b_end});
  }
  std::sort(blocks.begin(), blocks.end(), [](const MatchingBlock& x, const MatchingBlock& y) { return x.a < y.a; });
  std::vector<MatchingBlock> joined;
  for (const MatchingBlock& block : blocks) {
    if (!joined.empty() && joined.back().a + joined.back().size == block.a && joined.back().b + joined.back().size == block.b)
      joined.back().size += block.size;
    else
      joined.push_back(block);
  }
  return joined;
}

}  // namespace cairn::data
