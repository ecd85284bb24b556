// Sorting more records than memory holds: blocks are sorted in memory, written to files when the budget is used up, and merged
// (Knuth, The Art of Computer Programming, 5.4).
//
// Record is trivially copyable, or std::string. Its operator< tells any two records apart that are not the same in every bit, so
// the order is a function of the records alone: not of the budget, nor of threads, nor of whether anything was written to a file.
// A string that begins with keys of sort_key.h is in the order of these.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/thread_pool.h"
#include "engine/data/record_runs.h"

namespace cairn::data {

template <typename Record>
class ExternalSorter {
 public:
  // Files are made in `folder`, which is emptied first and removed at the end. `memory`: bytes that records may take (at least
  // 64 records are held whatever it says).
  ExternalSorter(Disk& disk, std::filesystem::path folder, std::uint64_t memory, ThreadPool& threads)
      : disk_(disk),
        folder_(std::move(folder)),
        memory_(memory),
        block_bytes_(std::clamp<std::uint64_t>(memory / 16, 64 * sizeof(Record), std::uint64_t{32} << 20)),
        file_block_bytes_(std::clamp<std::uint64_t>(memory / (2 * kMostFiles), RecordFile<Record>::kLeastBlock,
                                                    RecordFile<Record>::kMostBlock)),
        threads_(threads) {
    disk_.remove_tree(folder_);
  }
  ~ExternalSorter() { std::filesystem::remove_all(folder_, ignored_); }
  ExternalSorter(const ExternalSorter&) = delete;
  ExternalSorter& operator=(const ExternalSorter&) = delete;

  void add(Record record) {
    if (held_bytes_ >= memory_ && held_ >= 64) spill();
    if (blocks_.empty() || in_block_ >= block_bytes_) {
      blocks_.emplace_back();
      if (!std::is_same_v<Record, std::string> && blocks_.size() > 1) blocks_.back().reserve(block_bytes_ / sizeof(Record) + 1);
      in_block_ = 0;
    }
    const std::uint64_t bytes = bytes_of(record);
    blocks_.back().push_back(std::move(record));
    in_block_ += bytes;
    held_bytes_ += bytes;
    ++held_;
    ++records_;
  }

  // Every record in order. May be called again, but nothing may be added after it.
  SortedRecords<Record> sorted() {
    if (!sorted_) sort_blocks();
    sorted_ = true;
    return merged();
  }
  template <typename Fn>
  void for_each_sorted(Fn&& fn) {
    for (SortedRecords<Record> all = sorted(); !all.done(); all.next()) fn(all.record());
  }

  std::uint64_t records() const { return records_; }
  bool has_spilled() const { return spilled_; }

 private:
  static constexpr std::size_t kMostFiles = 64;  // of one level

  struct File {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    int level = 0;  // how often its records were merged
  };

  static std::uint64_t bytes_of(const Record& record) {
    if constexpr (std::is_same_v<Record, std::string>) return sizeof(Record) + record.capacity() + 16;
    return sizeof(Record);
  }

  void sort_blocks() {
    threads_.parallel_for(static_cast<std::int64_t>(blocks_.size()), [this](std::int64_t i) {
      std::sort(blocks_[static_cast<std::size_t>(i)].begin(), blocks_[static_cast<std::size_t>(i)].end());
    });
  }

  SortedRecords<Record> merged() const {
    std::vector<RecordRun<Record>> runs = block_runs();
    for (const File& file : files_) runs.emplace_back(file.path, 0, file.bytes);
    return SortedRecords<Record>(std::move(runs));
  }
  std::vector<RecordRun<Record>> block_runs() const {
    std::vector<RecordRun<Record>> runs;
    for (const std::vector<Record>& block : blocks_) runs.emplace_back(block.data(), block.data() + block.size());
    return runs;
  }

  // What is held becomes a file of its own; so many files of one level become one of the next.
  void spill() {
    spilled_ = true;
    sort_blocks();
    disk_.make_directories(folder_);
    write_file(block_runs(), 0);
    blocks_.clear();
    held_ = held_bytes_ = in_block_ = 0;
    while (files_.size() >= kMostFiles && files_[files_.size() - kMostFiles].level == files_.back().level) {
      const std::vector<File> last(files_.end() - kMostFiles, files_.end());
      std::vector<RecordRun<Record>> runs;
      for (const File& file : last) runs.emplace_back(file.path, 0, file.bytes);
      files_.resize(files_.size() - kMostFiles);
      write_file(std::move(runs), last.back().level + 1);
      for (const File& file : last) disk_.remove(file.path);
    }
  }
  void write_file(std::vector<RecordRun<Record>> runs, int level) {
    const std::filesystem::path path = folder_ / fmt::format("run-{:06d}", next_file_++);
    RecordFile<Record> file(disk_, path, file_block_bytes_);
    for (SortedRecords<Record> all(std::move(runs)); !all.done(); all.next()) file.write(all.record());
    files_.push_back({path, file.finish(false), level});
  }

  Disk& disk_;
  std::filesystem::path folder_;
  std::uint64_t memory_, block_bytes_, file_block_bytes_;
  ThreadPool& threads_;
  std::vector<std::vector<Record>> blocks_;
  std::vector<File> files_;
  std::uint64_t held_ = 0, held_bytes_ = 0, in_block_ = 0, records_ = 0, next_file_ = 0;
  bool spilled_ = false, sorted_ = false;
  std::error_code ignored_;
};

}  // namespace cairn::data
