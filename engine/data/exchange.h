// Records brought together: every rank adds what it has, and gets, sorted, what it owns of all ranks' records.
//
// A rank sorts its records within its memory and writes them to one file, and to another where each owner's part ends; an owner
// merges its parts of all files. One rank alone keeps what fits in memory. What an owner gets is a function of the records and of
// who owns them: of nothing else. Files of an earlier attempt that are whole are used again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/stop.h"
#include "base/thread_pool.h"
#include "engine/data/external_sort.h"
#include "engine/data/xxhash64.h"
#include "engine/steps/ranks.h"

namespace cairn::data {

// Where the ranks of a step work together.
struct Workbench {
  steps::Ranks& ranks;
  Disk& disk;
  std::filesystem::path folder;  // that all ranks see; it exists
  std::filesystem::path own;     // of this process alone: a second one that is taken for the same rank has another; it exists
  std::uint64_t memory;          // bytes that this rank may use for what it sorts
  ThreadPool& threads;
  const StopToken& stop;
  std::string label = "";  // of the folder, for barriers

  // A folder below it, made; with one of `parts` equal parts of the memory.
  Workbench in(const std::string& name, std::uint64_t parts = 1) const {
    disk.make_directories(folder / name);
    disk.make_directories(own / name);
    return {ranks, disk, folder / name, own / name, memory / parts, threads, stop, label + name + "."};
  }
  // What each rank says under this name.
  std::vector<std::string> share(const std::string& name, const std::string& own) const { return ranks.share(label + name, own); }
};

template <typename Record>
class Exchange {
 public:
  using Owner = std::function<int(const Record&)>;  // a rank; of a later record the same or a later one

  Exchange(const Workbench& bench, const std::string& name, Owner owner)
      : bench_(bench), name_(name), owner_(std::move(owner)), sent_(bench.ranks.size() > 1 && is_whole()) {
    if (!sent_) sorter_.emplace(bench.disk, bench.own / (name + ".sorting"), bench.memory, bench.threads);
  }

  // Whether an earlier attempt has sent all that this rank has: then nothing need be added.
  bool is_sent() const { return sent_; }
  void add(Record record) {
    if (!sent_) sorter_->add(std::move(record));
    if ((++added_ & 0xFFFFF) == 0) look_up();
  }

  // After the last record; returns once all ranks have sent. All ranks send, also those that have nothing to add.
  void send() {
    if (bench_.ranks.size() == 1) return;
    if (!sent_) write();
    bench_.ranks.barrier(bench_.label + name_);
  }

  // Calls fn(record) for each record that this rank owns, in order. May be called again.
  template <typename Fn>
  void for_each(Fn&& fn) {
    std::uint64_t count = 0;
    for (SortedRecords<Record> own = records(); !own.done(); own.next()) {
      if ((++count & 0xFFFFF) == 0) look_up();
      fn(own.record());
    }
  }

 private:
  // Whether to go on.
  void look_up() const {
    bench_.ranks.check();
    bench_.stop.throw_if_requested();
  }

  std::filesystem::path run_path(int rank) const { return bench_.folder / fmt::format("{}.run-{}", name_, rank); }
  std::filesystem::path ends_path(int rank) const { return bench_.folder / fmt::format("{}.ends-{}", name_, rank); }

  SortedRecords<Record> records() {
    if (bench_.ranks.size() == 1) return sorter_->sorted();
    const auto own = static_cast<std::size_t>(bench_.ranks.rank());
    std::vector<RecordRun<Record>> runs;
    for (int rank = 0; rank < bench_.ranks.size(); ++rank) {
      const std::vector<std::uint64_t> ends = read_ends(rank);
      const std::uint64_t begin = own == 0 ? 0 : ends[own - 1];
      if (begin < ends[own]) runs.emplace_back(run_path(rank), begin, ends[own] - begin);
    }
    return SortedRecords<Record>(std::move(runs));
  }

  // Where each owner's part ends.
  std::vector<std::uint64_t> read_ends(int rank) const {
    const std::string bytes = bench_.disk.read(ends_path(rank));
    std::vector<std::uint64_t> ends(static_cast<std::size_t>(bench_.ranks.size()));
    const std::size_t size = ends.size() * sizeof ends[0];
    std::uint64_t hash = 0;
    if (bytes.size() != size + sizeof hash) fail("{}: damaged", ends_path(rank).string());
    std::memcpy(&hash, bytes.data() + size, sizeof hash);
    if (hash != xxhash64(std::string_view(bytes).substr(0, size))) fail("{}: damaged", ends_path(rank).string());
    std::memcpy(ends.data(), bytes.data(), size);
    return ends;
  }

  // Whether this rank's files hold what was written.
  bool is_whole() const {
    const int rank = bench_.ranks.rank();
    if (!bench_.disk.exists(ends_path(rank)) || !bench_.disk.exists(run_path(rank))) return false;
    try {
      std::uint64_t begin = 0;
      for (const std::uint64_t end : read_ends(rank)) {
        look_up();
        for (RecordRun<Record> run(run_path(rank), begin, end - begin); !run.done();) run.next();
        begin = end;
      }
    } catch (const Error&) {
      look_up();
      return false;
    }
    return true;
  }

  void write() {
    const std::filesystem::path path = bench_.own / (name_ + ".run");  // put in its place when it is whole
    // An owner holds a block of each rank's file.
    RecordFile<Record> file(bench_.disk, path,
                            std::clamp<std::uint64_t>(bench_.memory / static_cast<std::uint64_t>(bench_.ranks.size()),
                                                      RecordFile<Record>::kLeastBlock, RecordFile<Record>::kMostBlock));
    std::vector<std::uint64_t> ends;
    std::uint64_t count = 0;
    sorter_->for_each_sorted([&](const Record& record) {
      if ((++count & 0xFFFFF) == 0) look_up();
      for (const int owner = owner_(record); static_cast<int>(ends.size()) < owner;) ends.push_back(file.end_part());
      file.write(record);
    });
    while (static_cast<int>(ends.size()) < bench_.ranks.size()) ends.push_back(file.end_part());
    file.finish(true);
    bench_.disk.rename(path, run_path(bench_.ranks.rank()));
    std::string bytes(reinterpret_cast<const char*>(ends.data()), ends.size() * sizeof ends[0]);
    const std::uint64_t hash = xxhash64(bytes);
    bytes.append(reinterpret_cast<const char*>(&hash), sizeof hash);
    write_file_atomically(bench_.disk, ends_path(bench_.ranks.rank()), bytes);
    sorter_.reset();
    sent_ = true;
  }

  Workbench bench_;
  std::string name_;
  Owner owner_;
  bool sent_;
  std::optional<ExternalSorter<Record>> sorter_;
  std::uint64_t added_ = 0;
};

// The owner of a key whose values are spread evenly.
inline int owner_of_key(std::uint64_t key, int ranks) {
  return static_cast<int>((key >> 32) * static_cast<std::uint64_t>(ranks) >> 32);
}

}  // namespace cairn::data
