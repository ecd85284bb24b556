// Bytes that come front to back, plain or out of gzip or zstd; and lines out of bytes.
//
// Damage is an Error that names the file and the offset in it where decoding stopped: "a.jsonl.gz: byte 4711: the gzip stream is
// cut short". Nothing is returned for bytes that fail a checksum at the end of a stream beyond what was handed out before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/mapped_file.h"

namespace cairn::data {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills at most `size` bytes of `buffer`, returns how many; 0 at the end only.
  virtual std::size_t read(char* buffer, std::size_t size) = 0;
  // Of the underlying bytes, as stored (compressed), for progress and messages.
  virtual std::uint64_t offset() const = 0;
};

enum class Compression { none, gzip, zstd };
Compression compression_of(std::string_view first_bytes);  // by magic number
void refuse_lz4(std::string_view first_bytes);             // Error for a file in lz4, which nothing here reads

// `bytes` must outlive the source; `name` is what errors call it. Several gzip members or zstd frames in a row are one stream.
std::unique_ptr<ByteSource> decompress(std::string_view bytes, std::string name);

// The whole content, at most `limit` bytes; Error beyond that (a small file may claim to unpack to terabytes).
std::string decompress_all(std::string_view bytes, const std::string& name, std::uint64_t limit);

// Lines without their '\n' (and without a '\r' before it). The view holds until the next call.
class LineReader {
 public:
  // A line of more than about `max_line` bytes is an Error, after which the next call goes on with the line behind it.
  LineReader(std::unique_ptr<ByteSource> source, std::string name, std::size_t max_line = std::size_t{1} << 30);
  bool next(std::string_view& line);
  bool can_go_on() const { return can_go_on_; }              // after an Error
  std::int64_t line_number() const { return line_number_; }  // of the line just returned, from 1
  std::uint64_t offset() const { return source_->offset(); }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::size_t max_line_;
  std::string buffer_;  // room; what was read is [0, filled_)
  std::size_t filled_ = 0;
  std::size_t begin_ = 0;    // of what was not handed out yet
  std::size_t scanned_ = 0;  // no '\n' in [begin_, scanned_)
  bool at_end_ = false;
  bool can_go_on_ = false;
  bool in_long_line_ = false;  // what comes up to the next '\n' belongs to a line that was an Error
  std::int64_t line_number_ = 0;
};

}  // namespace cairn::data
