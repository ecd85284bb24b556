// Counting words: how often each occurs in texts of any size, within a given memory.
//
// Counts are exact and do not depend on threads, on the order of texts, or on what was set aside on disk on the way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_pool.h"

namespace cairn::text {

// Words and counts: an open-addressing table whose words stand one after another in a few large blocks.
class WordTable {
 public:
  WordTable();
  void add(std::string_view word, std::int64_t count);  // at most 4 GB
  std::size_t size() const { return used_; }
  std::uint64_t bytes() const;  // of memory, about
  void clear();
  // In no particular order; views hold until the next add.
  void each(const std::function<void(std::string_view, std::int64_t)>& fn) const;

 private:
  struct Slot {
    std::uint64_t hash = 0;
    const char* text = nullptr;
    std::uint32_t size = 0;
    std::int64_t count = 0;  // 0: free
  };
  void grow();
  const char* keep(std::string_view word);

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_used_ = 0, block_size_ = 0;
  std::uint64_t text_bytes_ = 0;
};

class WordCounter {
 public:
  // Beyond `memory_bytes` words are set aside in sorted files under `scratch`; an empty scratch keeps all in memory.
  WordCounter(std::filesystem::path scratch, std::uint64_t memory_bytes);
  ~WordCounter();

  // `count(i, table)` puts the words of text i, of `texts`, into the table; it is called from many threads.
  void add(std::size_t texts, const std::function<void(std::size_t, WordTable&)>& count, ThreadPool& pool);

  // All words with their counts; of more than `most` distinct ones (0: no limit) the most frequent, those first in the order of
  // their bytes among equals. Afterwards the counter holds exactly these.
  const WordTable& finish(std::size_t most = 0);
  std::int64_t distinct() const { return distinct_; }  // words counted by finish, before the limit

 private:
  void set_aside();

  std::filesystem::path scratch_;
  std::uint64_t memory_bytes_;
  std::vector<WordTable> tables_;  // one a thread
  std::vector<std::filesystem::path> runs_;
  std::int64_t distinct_ = 0;
};

}  // namespace cairn::text
