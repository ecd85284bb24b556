// Records in files, one after the other, and several sorted runs of them merged.
//
// Record is trivially copyable, or std::string. A file is made of blocks of whole records, each with its size and a hash that
// goes on from that of the block before: what is damaged is noticed before any of it is taken for a record.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
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

// In front of each block. `check` is of `bytes`, so that no wrong size is believed.
struct BlockHeader {
  std::uint32_t bytes = 0, check = 0;
  std::uint64_t hash = 0;

  std::uint32_t expected_check() const {
    return static_cast<std::uint32_t>(xxhash64({reinterpret_cast<const char*>(&bytes), sizeof bytes}));
  }
};

// Writes records to a new file: of a string its length first.
template <typename Record>
class RecordFile {
 public:
  static constexpr std::uint64_t kLeastBlock = 4096, kMostBlock = std::uint64_t{1} << 18;  // bytes

  // Blocks are of about `block_bytes`, which is what a reader holds of the file; a larger record has one of its own.
  RecordFile(Disk& disk, const std::filesystem::path& path, std::uint64_t block_bytes = kMostBlock)
      : file_(disk.create(path)), block_bytes_(block_bytes), block_(sizeof(BlockHeader), '\0') {}
  void write(const Record& record) {
    const std::string_view bytes = record_bytes(record);
    if (block_.size() > sizeof(BlockHeader) && block_.size() + bytes.size() > block_bytes_) end_block();
    if constexpr (std::is_same_v<Record, std::string>) {
      if (bytes.size() > kMostRecord) fail("a record of {} bytes is too large to be sorted", bytes.size());
      const auto size = static_cast<std::uint32_t>(bytes.size());
      block_.append(reinterpret_cast<const char*>(&size), sizeof size);
    }
    block_ += bytes;
  }
  // Returns where in the file it ends; what follows can be read without it.
  std::uint64_t end_part() {
    end_block();
    hash_ = 0;
    return written_;
  }
  // Returns the size of the file.
  std::uint64_t finish(bool durable) {
    end_block();
    if (durable) file_->sync();
    file_->close();
    return written_;
  }

 private:
  static constexpr std::uint64_t kMostRecord = 0xFFFFFFFFu - sizeof(std::uint32_t);
  void end_block() {
    if (block_.size() == sizeof(BlockHeader)) return;
    BlockHeader header;
    header.bytes = static_cast<std::uint32_t>(block_.size() - sizeof header);
    header.check = header.expected_check();
    header.hash = hash_ = xxhash64(std::string_view(block_).substr(sizeof header), hash_);
    std::memcpy(block_.data(), &header, sizeof header);
    file_->write(block_);
    written_ += block_.size();
    block_.resize(sizeof header);
  }
  std::unique_ptr<DiskFile> file_;
  std::uint64_t block_bytes_;
  std::string block_;  // being filled, behind room for its header
  std::uint64_t written_ = 0, hash_ = 0;
};

// Records one after the other: out of memory, or out of part of a file, which is read as it is needed.
template <typename Record>
class RecordRun {
 public:
  RecordRun(const Record* begin, const Record* end) : at_(begin), end_(end) {}
  // The records in `bytes` bytes of the file from `offset` on. Error where the file is shorter or not what was written.
  RecordRun(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t bytes)
      : path_(path), file_(std::make_unique<std::ifstream>(path, std::ios::binary)), left_(bytes) {
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
    if (block_.empty()) {
      ended_ = left_ == 0;
      if (ended_) return;
      read_block();
    }
    std::size_t size = sizeof(Record);
    if constexpr (std::is_same_v<Record, std::string>) {
      std::uint32_t length = 0;
      if (block_.size() < sizeof length) fail("{}: damaged", path_.string());
      std::memcpy(&length, block_.data(), sizeof length);
      block_.remove_prefix(sizeof length);
      size = length;
    }
    if (block_.size() < size) fail("{}: damaged", path_.string());
    if constexpr (std::is_same_v<Record, std::string>)
      one_.assign(block_.data(), size);
    else
      std::memcpy(&one_, block_.data(), size);
    block_.remove_prefix(size);
  }
  void read_block() {
    BlockHeader header;
    read(reinterpret_cast<char*>(&header), sizeof header);
    if (header.check != header.expected_check() || header.bytes == 0) fail("{}: damaged", path_.string());
    if (header.bytes > left_) fail("{}: cut short", path_.string());
    buffer_.resize(header.bytes);
    read(buffer_.data(), buffer_.size());
    block_ = {buffer_.data(), buffer_.size()};
    hash_ = xxhash64(block_, hash_);
    if (hash_ != header.hash) fail("{}: damaged", path_.string());
  }
  void read(char* to, std::size_t size) {
    if (left_ < size || !file_->read(to, static_cast<std::streamsize>(size))) fail("{}: cut short", path_.string());
    left_ -= size;
  }

  const Record *at_ = nullptr, *end_ = nullptr;
  std::filesystem::path path_{};
  std::unique_ptr<std::ifstream> file_{};
  std::uint64_t left_ = 0;  // bytes that are not in the buffer yet
  std::vector<char> buffer_{};
  std::string_view block_{};  // what is left of the buffer
  Record one_{};
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
