// Records about documents, in the order of the documents, found again by piece: a file of records, and an index that lies in
// memory (16 bytes a piece with records) and stands in another file, which is written last, with a hash.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/document_number.h"
#include "engine/data/record_runs.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace piece_file {
struct Entry {
  PieceNumber piece = 0;
  std::uint64_t end = 0;  // its records end at this byte
};
inline std::filesystem::path index_path(std::filesystem::path path) {
  return path += ".index";
}
}  // namespace piece_file

template <typename Record>
class PieceFileWriter {
 public:
  // `own`: a folder of this process alone, where the file stands until it is whole.
  PieceFileWriter(Disk& disk, const std::filesystem::path& path, const std::filesystem::path& own)
      : disk_(disk), path_(path), writing_(own / path.filename()), file_(disk, writing_) {}
  void add(PieceNumber piece, const Record& record) {  // pieces in order
    if (index_.empty() || index_.back().piece != piece) {
      end_piece();
      index_.push_back({piece, 0});
    }
    file_.write(record);
  }
  void finish() {
    end_piece();
    file_.finish(true);
    disk_.rename(writing_, path_);
    std::string bytes(reinterpret_cast<const char*>(index_.data()), index_.size() * sizeof(piece_file::Entry));
    const std::uint64_t hash = xxhash64(bytes);
    bytes.append(reinterpret_cast<const char*>(&hash), sizeof hash);
    write_file_atomically(disk_, piece_file::index_path(path_), bytes);
  }

 private:
  void end_piece() {
    if (!index_.empty()) index_.back().end = file_.end_part();
  }

  Disk& disk_;
  std::filesystem::path path_, writing_;
  RecordFile<Record> file_;
  std::vector<piece_file::Entry> index_;
};

template <typename Record>
class PieceFile {
 public:
  // Error when the index is damaged; a record that is damaged is one for who reads it.
  PieceFile(Disk& disk, const std::filesystem::path& path) : path_(path) {
    const std::string bytes = disk.read(piece_file::index_path(path));
    std::uint64_t hash = 0;
    const std::size_t size = bytes.size() < sizeof hash ? 0 : bytes.size() - sizeof hash;
    if (bytes.size() >= sizeof hash) std::memcpy(&hash, bytes.data() + size, sizeof hash);
    if (bytes.size() < sizeof hash || size % sizeof(piece_file::Entry) != 0 ||
        hash != xxhash64(std::string_view(bytes).substr(0, size)))
      fail("{}: damaged", piece_file::index_path(path).string());
    index_.resize(size / sizeof(piece_file::Entry));
    std::memcpy(index_.data(), bytes.data(), size);
  }
  // Whether there is such a file and all of it is what was written.
  static bool is_whole(Disk& disk, const std::filesystem::path& path) {
    if (!disk.exists(piece_file::index_path(path)) || !disk.exists(path)) return false;
    try {
      const PieceFile file(disk, path);
      for (std::size_t i = 0; i < file.index_.size(); ++i) {
        for (RecordRun<Record> run = file.run(i); !run.done();) run.next();
      }
    } catch (const Error&) {
      return false;
    }
    return true;
  }
  // Of one piece, in order; any thread may ask.
  std::vector<Record> of(PieceNumber piece) const {
    std::vector<Record> records;
    const auto at = std::lower_bound(index_.begin(), index_.end(), piece,
                                     [](const piece_file::Entry& entry, PieceNumber number) { return entry.piece < number; });
    if (at == index_.end() || at->piece != piece) return records;
    for (RecordRun<Record> own = run(static_cast<std::size_t>(at - index_.begin())); !own.done(); own.next())
      records.push_back(own.record());
    return records;
  }

 private:
  RecordRun<Record> run(std::size_t entry) const {
    const std::uint64_t begin = entry == 0 ? 0 : index_[entry - 1].end;
    return {path_, begin, index_[entry].end - begin};
  }

  std::filesystem::path path_;
  std::vector<piece_file::Entry> index_;
};

}  // namespace cairn::data
