// Records of WARC (ISO 28500; 0.17 to 1.1), WET and ARC (version 1) files: .gz, .zst or plain.
//
// What cannot be read is told, with its place, and reading goes on with the next record: a member that does not decode, a length
// that lies, bytes where a record should begin, a digest that does not match. Memory: one record (kMaxRecordBytes) and
// archive_bytes.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/data/sources/archive_bytes.h"

namespace cairn::data {

inline constexpr std::uint64_t kMaxRecordBytes = 32'000'000;  // of a record's block, and of a page once unpacked

struct ArchiveRecord {
  std::uint64_t offset = 0;  // in the file as stored: of the record, or of the gzip member or zstd frame that it begins in
  bool arc = false;
  std::string type;          // "response", "conversion", ...; of an ARC record "response", of the file's first "warcinfo"
  std::string id;            // "urn:uuid:..."; ARC has none
  std::string url;           // without the <> that some writers put around it
  std::string date;          // ISO 8601 in UTC; empty when what stands there is no date
  std::string content_type;  // of the block, lower case, without parameters; of an ARC record as the server said
  std::string charset;       // its parameter
  std::string payload_type;  // WARC-Identified-Payload-Type
  std::string block_digest, payload_digest;
  std::string truncated;   // WARC-Truncated: why the block was clipped by the one who wrote it
  std::string_view block;  // until the next call
};

struct RecordDamage {
  std::string reason;  // stable, for counting: "stream", "length", "no_record", "header", "too_large", "cut_short"
  std::uint64_t offset = 0;
  std::string what;  // in words
};

class ArchiveReader {
 public:
  // `stored` must outlive the reader. `on_damage` is called for each record that cannot be read, in order.
  ArchiveReader(std::string_view stored, std::function<void(const RecordDamage&)> on_damage);
  bool next(ArchiveRecord& record);  // false at the end

 private:
  bool parse_header(ArchiveRecord& record, std::uint64_t& length);  // consumes it; false: damaged, and told
  bool take_block(ArchiveRecord& record, std::uint64_t length);     // false: damaged, and told
  void give_up(std::string reason, std::uint64_t offset, std::string what);
  void seek_record();

  ArchiveBytes bytes_;
  std::function<void(const RecordDamage&)> on_damage_;
  std::size_t unread_ = 0;  // bytes of the block that the last call returned
};

// "text/html; charset=x" -> "text/html" in lower case; `charset` gets the parameter as it stands, without quotes, or stays.
std::string media_type(std::string_view value, std::string* charset = nullptr);

// Whether `digest` ("sha1:BASE32", also sha256 and md5, in base 16, 32, 64 or url-safe 64) is that of `bytes`. True for what is
// not a digest of these kinds: it says nothing.
bool digest_matches(std::string_view digest, std::string_view bytes);

}  // namespace cairn::data
