// Numbers and stretches out of bytes, front to back, each checked against their end before it is taken.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/error.h"

namespace cairn::data {

// A view; what it reads must outlive it. Errors say what was wanted, not of which file.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes = {}) : bytes_(bytes) {}

  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size()) fail("cut short: {} bytes wanted, {} left", size, bytes_.size());
    const std::string_view taken = bytes_.substr(0, static_cast<std::size_t>(size));
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  template <typename Number>
  Number number() {  // as it lies: little-endian
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::uint64_t varint() {  // LEB128
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = byte();
      value |= std::uint64_t{b & 0x7Fu} << shift;
      if (b < 0x80) return value;
    }
    fail("a number of more than 64 bits");
  }
  std::int64_t zigzag() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }

  std::string_view rest() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

}  // namespace cairn::data
