#include "engine/text/word_counter.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <queue>

#include "base/error.h"

namespace cairn::text {
namespace {

constexpr std::size_t kBlock = 1 << 20;

using Count = std::pair<std::string_view, std::int64_t>;

std::vector<Count> sorted_counts(const WordTable& table) {
  std::vector<Count> counts;
  counts.reserve(table.size());
  table.each([&](std::string_view word, std::int64_t count) { counts.emplace_back(word, count); });
  std::sort(counts.begin(), counts.end());
  return counts;
}

// One run on disk: u32 bytes, i64 count, the word; in the order of their bytes.
class RunReader {
 public:
  explicit RunReader(const std::filesystem::path& path) : path_(path), file_(path, std::ios::binary) { next(); }
  bool next() {
    std::uint32_t bytes = 0;
    if (!file_.read(reinterpret_cast<char*>(&bytes), sizeof bytes)) return alive_ = false;
    word_.resize(bytes);
    file_.read(reinterpret_cast<char*>(&count_), sizeof count_);
    if (!file_.read(word_.data(), static_cast<std::streamsize>(bytes))) fail("{}: ends inside a word", path_.string());
    return true;
  }
  bool alive() const { return alive_; }
  const std::string& word() const { return word_; }
  std::int64_t count() const { return count_; }

 private:
  std::filesystem::path path_;
  std::ifstream file_;
  std::string word_;
  std::int64_t count_ = 0;
  bool alive_ = true;
};

void write_run(const std::filesystem::path& path, const std::vector<Count>& counts) {
  std::ofstream out(path, std::ios::binary);
  for (const auto& [word, count] : counts) {
    const auto bytes = static_cast<std::uint32_t>(word.size());
    out.write(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    out.write(reinterpret_cast<const char*>(&count), sizeof count);
    out.write(word.data(), static_cast<std::streamsize>(bytes));
  }
  out.flush();
  if (!out) fail("{}: cannot be written; is the disk full?", path.string());
}

// The most frequent words of a stream: a heap whose top is the one to give up first.
class MostFrequent {
 public:
  explicit MostFrequent(std::size_t most) : most_(most) {}
  void add(std::string_view word, std::int64_t count) {
    if (heap_.size() == most_) {
      const Entry& last = heap_.top();
      if (count < last.count || (count == last.count && word >= last.word)) return;
      heap_.pop();
    }
    heap_.push({count, std::string(word)});
  }
  void move_to(WordTable& table) {
    for (; !heap_.empty(); heap_.pop()) table.add(heap_.top().word, heap_.top().count);
  }

 private:
  struct Entry {
    std::int64_t count;
    std::string word;
    bool operator<(const Entry& other) const { return count != other.count ? count > other.count : word < other.word; }
  };
  std::size_t most_;
  std::priority_queue<Entry> heap_;
};

// Calls fn(word, count) for each distinct word of the runs, in order.
template <typename Fn>
void merge_runs(const std::vector<std::filesystem::path>& paths, const Fn& fn) {
  std::vector<std::unique_ptr<RunReader>> runs;
  for (const auto& path : paths) runs.push_back(std::make_unique<RunReader>(path));
  const auto later = [&](std::size_t a, std::size_t b) { return runs[a]->word() > runs[b]->word(); };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> heads(later);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i]->alive()) heads.push(i);
  }
  std::string word;
  std::int64_t count = 0;
  while (!heads.empty()) {
    const std::size_t i = heads.top();
    heads.pop();
    if (count > 0 && runs[i]->word() != word) fn(word, count), count = 0;
    word = runs[i]->word();
    count += runs[i]->count();
    if (runs[i]->next()) heads.push(i);
  }
  if (count > 0) fn(word, count);
}

}  // namespace

WordTable::WordTable() : slots_(1 << 10) {}

void WordTable::clear() {
  *this = WordTable();
}

std::uint64_t WordTable::bytes() const {
  return slots_.size() * sizeof(Slot) + text_bytes_;
}

const char* WordTable::keep(std::string_view word) {
  if (block_used_ + word.size() > block_size_) {
    block_size_ = std::max(kBlock, word.size());
    blocks_.push_back(std::make_unique<char[]>(block_size_));
    block_used_ = 0;
    text_bytes_ += block_size_;
  }
  char* at = blocks_.back().get() + block_used_;
  std::memcpy(at, word.data(), word.size());
  block_used_ += word.size();
  return at;
}

void WordTable::grow() {
  std::vector<Slot> larger(slots_.size() * 2);
  for (const Slot& slot : slots_) {
    if (slot.count == 0) continue;
    std::size_t at = slot.hash & (larger.size() - 1);
    while (larger[at].count != 0) at = (at + 1) & (larger.size() - 1);
    larger[at] = slot;
  }
  slots_ = std::move(larger);
}

void WordTable::add(std::string_view word, std::int64_t count) {
  const std::uint64_t hash = std::hash<std::string_view>()(word);
  std::size_t at = hash & (slots_.size() - 1);
  for (; slots_[at].count != 0; at = (at + 1) & (slots_.size() - 1)) {
    Slot& slot = slots_[at];
    if (slot.hash == hash && slot.size == word.size() && std::memcmp(slot.text, word.data(), word.size()) == 0) {
      slot.count += count;
      return;
    }
  }
  slots_[at] = {hash, keep(word), static_cast<std::uint32_t>(word.size()), count};
  if (++used_ * 2 > slots_.size()) grow();
}

void WordTable::each(const std::function<void(std::string_view, std::int64_t)>& fn) const {
  for (const Slot& slot : slots_) {
    if (slot.count != 0) fn({slot.text, slot.size}, slot.count);
  }
}

WordCounter::WordCounter(std::filesystem::path scratch, std::uint64_t memory_bytes)
    : scratch_(std::move(scratch)), memory_bytes_(memory_bytes), tables_(1) {}

WordCounter::~WordCounter() {
  std::error_code ignored;
  for (const auto& run : runs_) std::filesystem::remove(run, ignored);
}

void WordCounter::add(std::size_t texts, const std::function<void(std::size_t, WordTable&)>& count, ThreadPool& pool) {
  const auto threads = static_cast<std::size_t>(pool.threads());
  if (tables_.size() < threads) tables_.resize(threads);
  pool.parallel_for(static_cast<std::int64_t>(threads), [&](std::int64_t thread) {
    for (auto i = static_cast<std::size_t>(thread); i < texts; i += threads) count(i, tables_[static_cast<std::size_t>(thread)]);
  });
  std::uint64_t bytes = 0;
  for (const WordTable& table : tables_) bytes += table.bytes();
  if (bytes > memory_bytes_ && !scratch_.empty()) set_aside();
}

void WordCounter::set_aside() {
  for (WordTable& table : tables_) {
    runs_.push_back(scratch_ / fmt::format("words-{:05}", runs_.size()));
    write_run(runs_.back(), sorted_counts(table));
    table.clear();
  }
}

const WordTable& WordCounter::finish(std::size_t most) {
  WordTable& first = tables_[0];
  if (runs_.empty()) {
    for (std::size_t i = 1; i < tables_.size(); ++i) {
      tables_[i].each([&](std::string_view word, std::int64_t count) { first.add(word, count); });
      tables_[i].clear();
    }
    distinct_ = static_cast<std::int64_t>(first.size());
    if (most == 0 || first.size() <= most) return first;
    MostFrequent kept(most);
    first.each([&](std::string_view word, std::int64_t count) { kept.add(word, count); });
    first.clear();
    kept.move_to(first);
    return first;
  }
  set_aside();
  distinct_ = 0;
  MostFrequent kept(most);
  merge_runs(runs_, [&](const std::string& word, std::int64_t count) {
    ++distinct_;
    if (most > 0)
      kept.add(word, count);
    else
      first.add(word, count);
  });
  kept.move_to(first);
  for (const auto& run : runs_) std::filesystem::remove(run);
  runs_.clear();
  return first;
}

}  // namespace cairn::text
