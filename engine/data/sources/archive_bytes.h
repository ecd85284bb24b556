// The bytes of a web archive once unpacked, front to back, in spite of damage.
//
// Web archives are rows of gzip members or zstd frames, mostly one per record, so that what lies behind a damaged one can still
// be read. Memory: what look() was asked for and at most 128 KB, and for zstd its window (at most 128 MB).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace cairn::data {

class MemberDecoder;

class ArchiveBytes {
 public:
  // `stored` must outlive the object: plain, gzip, or zstd (with the dictionary that .warc.zst files carry in their first frame).
  // `begins_record` tells whether unpacked bytes look like the beginning of a record; resync() trusts it. Error for lz4.
  ArchiveBytes(std::string_view stored, bool (*begins_record)(std::string_view));
  ~ArchiveBytes();

  // At least `want` bytes from here on; fewer only before the end, or before damage. The view holds until the next call.
  std::string_view look(std::size_t want);
  void skip(std::size_t count);  // of what the last look() gave, at most

  // In `stored`: of the next byte, or for compressed ones of the member or frame that it lies in.
  std::uint64_t offset() const;

  // How far from here the first member or frame begins that begins `least` bytes from here or later, of those that the last
  // look() decoded; npos when none does.
  std::size_t member_behind(std::size_t least) const;

  // Decoding met damage, and look() gives no more than what came before it.
  bool broken() const { return broken_; }
  std::uint64_t broken_member() const { return broken_member_; }  // where the member that could not be decoded begins
  const std::string& damage() const { return damage_; }           // in words

  // Drops what is left of the damaged member and goes on with the first one behind its beginning that decodes to a record.
  // False when there is none: the end.
  bool resync();

 private:
  void decode_more();
  void forget_members();  // those that have been read
  void break_off(std::string damage);

  std::string_view stored_;
  bool (*begins_record_)(std::string_view);
  std::unique_ptr<MemberDecoder> decoder_;  // none for plain bytes
  std::size_t at_ = 0;                      // plain: the next byte; compressed: the next byte to decode
  std::string buffer_;
  std::size_t begin_ = 0;       // unread part of buffer_
  std::uint64_t unpacked_ = 0;  // bytes decoded in all
  bool in_member_ = false;
  struct Member {
    std::uint64_t unpacked, stored;  // where it begins
  };
  std::deque<Member> members_;  // those that buffer_ has bytes of, and the one being decoded
  bool broken_ = false;
  std::uint64_t broken_member_ = 0;
  std::string damage_;
};

}  // namespace cairn::data
