// Sorting more records than memory holds: blocks are sorted in memory, written to files when the budget is used up, and merged
// (Knuth, The Art of Computer Programming, 5.4).
//
// Record is trivially copyable, and its operator< tells any two records apart that are not the same in every bit. So the order
// is a function of the records alone: not of the budget, nor of threads, nor of whether anything was written to a file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/thread_pool.h"

namespace cairn::data {

template <typename Record>
class ExternalSorter {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  // Files are made in `folder`, which is emptied first and removed at the end. `memory`: bytes that records may take (at least
  // 64 records are held whatever it says).
  ExternalSorter(Disk& disk, std::filesystem::path folder, std::uint64_t memory, ThreadPool& threads)
      : disk_(disk),
        folder_(std::move(folder)),
        capacity_(std::max<std::uint64_t>(memory / sizeof(Record), 64)),
        block_records_(std::clamp<std::uint64_t>(capacity_ / 16, 64, std::uint64_t{1} << 20)),
        threads_(threads) {
    disk_.remove_tree(folder_);
  }
  ~ExternalSorter() { std::filesystem::remove_all(folder_, ignored_); }
  ExternalSorter(const ExternalSorter&) = delete;
  ExternalSorter& operator=(const ExternalSorter&) = delete;

  void add(const Record& record) {
    if (held_ >= capacity_) spill();
    if (blocks_.empty() || blocks_.back().size() == block_records_) {
      blocks_.emplace_back();
      blocks_.back().reserve(block_records_);
    }
    blocks_.back().push_back(record);
    ++held_;
    ++records_;
  }

  // Calls fn(record) for every record in order. Once.
  template <typename Fn>
  void for_each_sorted(Fn&& fn) {
    sort_blocks();
    merge(fn);
    blocks_.clear();
    files_.clear();
  }

  std::uint64_t records() const { return records_; }
  bool has_spilled() const { return spilled_; }

 private:
  static constexpr std::size_t kMostFiles = 64;          // merged at once
  static constexpr std::size_t kBufferBytes = 1u << 18;  // of each file, and of what is written

  // Records in order, from a block or a file.
  struct Source {
    const Record* at = nullptr;
    const Record* end = nullptr;
    std::unique_ptr<std::ifstream> file{};
    std::filesystem::path path{};
    std::uint64_t left = 0;  // records of the file that are not in the buffer
    std::vector<Record> buffer{};

    bool refill() {  // false at the end
      if (left == 0) return false;
      buffer.resize(std::min<std::uint64_t>(left, std::max<std::size_t>(kBufferBytes / sizeof(Record), 1)));
      const auto bytes = static_cast<std::streamsize>(buffer.size() * sizeof(Record));
      if (!file->read(reinterpret_cast<char*>(buffer.data()), bytes)) fail("{}: cut short", path.string());
      left -= buffer.size();
      at = buffer.data();
      end = at + buffer.size();
      return true;
    }
  };

  void sort_blocks() {
    threads_.parallel_for(static_cast<std::int64_t>(blocks_.size()), [this](std::int64_t i) {
      std::sort(blocks_[static_cast<std::size_t>(i)].begin(), blocks_[static_cast<std::size_t>(i)].end());
    });
  }

  template <typename Fn>
  void merge(Fn&& fn) {
    std::vector<Source> sources;
    for (const std::vector<Record>& block : blocks_) {
      if (!block.empty()) sources.push_back({block.data(), block.data() + block.size()});
    }
    for (const std::filesystem::path& path : files_) {
      Source& source = sources.emplace_back();
      source.path = path;
      source.file = std::make_unique<std::ifstream>(path, std::ios::binary);
      source.left = disk_.size(path) / sizeof(Record);
      if (!*source.file || !source.refill()) fail("{}: cannot be read", path.string());
    }
    // A heap of sources whose least is at the top.
    std::vector<Source*> heap;
    for (Source& source : sources) heap.push_back(&source);
    const auto later = [](const Source* x, const Source* y) { return *y->at < *x->at; };
    std::make_heap(heap.begin(), heap.end(), later);
    while (!heap.empty()) {
      Source* const least = heap.front();
      fn(*least->at);
      if (++least->at == least->end && !least->refill()) {
        heap.front() = heap.back();
        heap.pop_back();
        if (heap.empty()) break;
      }
      std::size_t at = 0;  // the new top sinks to its place
      Source* const sinking = heap[0];
      for (;;) {
        std::size_t child = 2 * at + 1;
        if (child >= heap.size()) break;
        if (child + 1 < heap.size() && *heap[child + 1]->at < *heap[child]->at) ++child;
        if (!(*heap[child]->at < *sinking->at)) break;
        heap[at] = heap[child];
        at = child;
      }
      heap[at] = sinking;
    }
  }

  // What merge() yields, as a file.
  void write_merged() {
    disk_.make_directories(folder_);
    const std::filesystem::path path = folder_ / fmt::format("run-{:06d}", next_file_++);
    const auto file = disk_.create(path);
    std::vector<Record> buffer;
    buffer.reserve(std::max<std::size_t>(kBufferBytes / sizeof(Record), 1));
    const auto flush = [&] {
      file->write({reinterpret_cast<const char*>(buffer.data()), buffer.size() * sizeof(Record)});
      buffer.clear();
    };
    merge([&](const Record& record) {
      buffer.push_back(record);
      if (buffer.size() == buffer.capacity()) flush();
    });
    if (!buffer.empty()) flush();
    file->close();
    for (const std::filesystem::path& merged : files_) disk_.remove(merged);
    blocks_.clear();
    held_ = 0;
    files_ = {path};
  }

  void spill() {
    spilled_ = true;
    sort_blocks();
    std::vector<std::filesystem::path> others;
    if (files_.size() < kMostFiles) others.swap(files_);  // a file of its own
    write_merged();
    files_.insert(files_.begin(), others.begin(), others.end());
  }

  Disk& disk_;
  std::filesystem::path folder_;
  std::uint64_t capacity_, block_records_;
  ThreadPool& threads_;
  std::vector<std::vector<Record>> blocks_;
  std::vector<std::filesystem::path> files_;
  std::uint64_t held_ = 0, records_ = 0, next_file_ = 0;
  bool spilled_ = false;
  std::error_code ignored_;
};

}  // namespace cairn::data
