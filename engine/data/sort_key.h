// Keys as bytes whose order is that of what they stand for, field after field: strings by their bytes, numbers by their value.
// No key is the beginning of another, so what follows them in a record does not matter. Taking a key from bytes that end inside
// it is an Error: who knows where the record stood (record_runs.h) has checked a hash before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cairn::data {

inline void append_key(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}
inline std::uint64_t take_number_key(std::string_view& bytes) {
  if (bytes.size() < 8) fail("a sorted record ends inside a number: 8 bytes expected, {} are left", bytes.size());
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  bytes.remove_prefix(8);
  return number;
}

// 0 ends a string; one inside it is followed by 255.
inline void append_key(std::string& out, std::string_view text) {
  for (std::size_t end; (end = text.find('\0')) != text.npos; text.remove_prefix(end + 1)) {
    out.append(text.substr(0, end + 1));
    out += '\xff';
  }
  out += text;
  out.append(2, '\0');
}
// Where the string that `bytes` begin with ends, marks included.
inline std::size_t string_key_end(std::string_view bytes) {
  std::size_t end = bytes.find('\0');
  while (end != bytes.npos && end + 1 < bytes.size() && bytes[end + 1] != '\0') end = bytes.find('\0', end + 2);
  if (end == bytes.npos || end + 1 == bytes.size()) fail("a sorted record of {} bytes ends inside a string", bytes.size());
  return end + 2;
}
inline std::string take_string_key(std::string_view& bytes) {
  const std::size_t end = string_key_end(bytes);
  std::string text(bytes.substr(0, end - 2));
  for (std::size_t at = 0; (at = text.find('\0', at)) != std::string::npos; ++at) text.erase(at + 1, 1);
  bytes.remove_prefix(end);
  return text;
}
inline void skip_string_key(std::string_view& bytes) {
  bytes.remove_prefix(string_key_end(bytes));
}

}  // namespace cairn::data
