// Records in files, one after the other, and several sorted runs of them merged.
//
// Record is trivially copyable, or std::string. A hash of the records, each after those before it, tells whether a file holds
// what was written.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

template <typename Record>
std::string_view record_bytes(const Record& record) {
  if constexpr (std::is_same_v<Record, std::string>) {
    return record;
  } else {
    static_assert(std::is_trivially_copyable_v<Record>);
    return {reinterpret_cast<const char*>(&record), sizeof record};
  }
}

// Writes records to a new file: of a string its length first. Small ones are gathered.
template <typename Record>
class RecordFile {
 public:
  RecordFile(Disk& disk, const std::filesystem::path& path) : file_(disk.create(path)) {}
  void write(const Record& record) {
    const std::string_view bytes = record_bytes(record);
    if constexpr (std::is_same_v<Record, std::string>) {
      if (bytes.size() > 0xFFFFFFFFu) fail("a record of {} bytes is too large to be sorted", bytes.size());
      const auto size = static_cast<std::uint32_t>(bytes.size());
      gathered_.append(reinterpret_cast<const char*>(&size), sizeof size);
    }
    gathered_ += bytes;
    hash_ = xxhash64(bytes, hash_);
    if (gathered_.size() >= kGather) flush();
  }
  std::uint64_t bytes() const { return written_ + gathered_.size(); }
  std::uint64_t hash() const { return hash_; }  // of the records since the last begin_part()
  void begin_part() { hash_ = 0; }
  void finish(bool durable) {
    flush();
    if (durable) file_->sync();
    file_->close();
  }

 private:
  static constexpr std::size_t kGather = std::size_t{1} << 18;
  void flush() {
    if (!gathered_.empty()) file_->write(gathered_);
    written_ += gathered_.size();
    gathered_.clear();
  }
  std::unique_ptr<DiskFile> file_;
  std::string gathered_;
  std::uint64_t written_ = 0, hash_ = 0;
};

// Records one after the other: out of memory, or out of part of a file, which is read as it is needed.
template <typename Record>
class RecordRun {
 public:
  RecordRun(const Record* begin, const Record* end) : at_(begin), end_(end) {}
  // The records in `bytes` bytes of the file from `offset` on. Error where the file is shorter, or, at the end, has another hash.
  RecordRun(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t bytes, std::size_t buffer_bytes,
            std::optional<std::uint64_t> hash = std::nullopt)
      : path_(path),
        file_(std::make_unique<std::ifstream>(path, std::ios::binary)),
        left_(bytes),
        buffer_bytes_(buffer_bytes),
        expected_(hash) {
    file_->seekg(static_cast<std::streamoff>(offset));
    if (!*file_) fail("{}: cannot be read", path_.string());
    read_one();
  }
  bool done() const { return file_ ? ended_ : at_ == end_; }
  const Record& record() const { return file_ ? one_ : *at_; }
  void next() {
    if (file_)
      read_one();
    else
      ++at_;
  }

 private:
  void read_one() {
    ended_ = left_ == 0 && begin_ == buffer_.size();
    if (ended_) {
      if (expected_ && hash_ != *expected_) fail("{}: damaged", path_.string());
      return;
    }
    if constexpr (std::is_same_v<Record, std::string>) {
      std::uint32_t size = 0;
      std::memcpy(&size, take(sizeof size), sizeof size);
      one_.assign(take(size), size);
    } else {
      std::memcpy(&one_, take(sizeof(Record)), sizeof(Record));
    }
    if (expected_) hash_ = xxhash64(record_bytes(one_), hash_);
  }
  // The next `size` bytes; they stay until the next call.
  const char* take(std::size_t size) {
    if (buffer_.size() - begin_ < size) {
      buffer_.erase(0, begin_);
      begin_ = 0;
      const std::size_t had = buffer_.size();
      const std::size_t more = std::min<std::uint64_t>(left_, std::max(buffer_bytes_, size) - had);
      if (had + more < size) fail("{}: cut short", path_.string());
      buffer_.resize(had + more);
      if (!file_->read(buffer_.data() + had, static_cast<std::streamsize>(more))) fail("{}: cut short", path_.string());
      left_ -= more;
    }
    begin_ += size;
    return buffer_.data() + begin_ - size;
  }

  const Record *at_ = nullptr, *end_ = nullptr;
  std::filesystem::path path_{};
  std::unique_ptr<std::ifstream> file_{};
  std::uint64_t left_ = 0;  // bytes that are not in the buffer yet
  std::size_t buffer_bytes_ = 0, begin_ = 0;
  std::string buffer_{};
  Record one_{};
  std::optional<std::uint64_t> expected_{};
  std::uint64_t hash_ = 0;
  bool ended_ = false;
};

// The records of sorted runs, in order.
template <typename Record>
class SortedRecords {
 public:
  explicit SortedRecords(std::vector<RecordRun<Record>> runs) : runs_(std::move(runs)) {
    for (RecordRun<Record>& run : runs_) {
      if (!run.done()) heap_.push_back(&run);
    }
    std::make_heap(heap_.begin(), heap_.end(), [](const auto* x, const auto* y) { return y->record() < x->record(); });
  }
  bool done() const { return heap_.empty(); }
  const Record& record() const { return heap_.front()->record(); }
  void next() {
    heap_.front()->next();
    if (heap_.front()->done()) {
      heap_.front() = heap_.back();
      heap_.pop_back();
      if (heap_.empty()) return;
    }
    std::size_t at = 0;  // the new top sinks to its place
    RecordRun<Record>* const sinking = heap_[0];
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1]->record() < heap_[child]->record()) ++child;
      if (!(heap_[child]->record() < sinking->record())) break;
      heap_[at] = heap_[child];
      at = child;
    }
    heap_[at] = sinking;
  }

 private:
  std::vector<RecordRun<Record>> runs_;
  std::vector<RecordRun<Record>*> heap_;  // those that are not done; the one with the least record is at the top
};

}  // namespace cairn::data
