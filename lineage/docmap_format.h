// Numbers as docmap files write them (docs/format/docmap.md): little-endian fixed, LEB128 varints, zigzag for signed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cairn::lineage {

constexpr std::string_view kDocmapMagic = "CAIRNDM1";
constexpr std::uint32_t kDocmapBlockDocuments = 65536;
constexpr std::size_t kDocmapHeaderBytes = 80;

template <typename T>
void put_fixed(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF));
}

inline void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

inline void put_zigzag(std::string& out, std::int64_t value) {
  put_varint(out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

// Reads a stretch of a file; every read is checked against its end. Errors name file, part and byte.
class DocmapCursor {
 public:
  DocmapCursor(std::string_view bytes, const std::string& file, const char* part) : bytes_(bytes), file_(file), part_(part) {}

  bool at_end() const { return at_ == bytes_.size(); }
  std::size_t position() const { return at_; }
  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) broken("ends early");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  template <typename T>
  T fixed() {
    const std::string_view taken = take(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(taken[i])) << (8 * i);
    return static_cast<T>(value);
  }
  // At most `limit`.
  std::int64_t varint(std::int64_t limit = INT64_MAX) {
    const std::uint64_t value = raw_varint();
    if (value > static_cast<std::uint64_t>(limit)) broken("holds a number beyond its limit");
    return static_cast<std::int64_t>(value);
  }
  // `base` + a signed difference, which must lie in [0, limit].
  std::int64_t step(std::int64_t base, std::int64_t limit) {
    const std::uint64_t raw = raw_varint();
    const auto difference = static_cast<std::int64_t>(raw >> 1 ^ (~(raw & 1) + 1));
    std::int64_t value = 0;
    if (__builtin_add_overflow(base, difference, &value) || value < 0 || value > limit) broken("holds a number beyond its limit");
    return value;
  }
  [[noreturn]] void broken(const char* what) const { fail("{}: {} {} at byte {} of the part", file_, part_, what, at_); }

 private:
  std::uint64_t raw_varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      if (shift > 63 || (shift == 63 && byte > 1)) broken("holds a number of more than 64 bits");
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }

  std::string_view bytes_;
  const std::string& file_;
  const char* part_;
  std::size_t at_ = 0;
};

}  // namespace cairn::lineage
