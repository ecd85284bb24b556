#include "engine/text/byte_alphabet.h"

#include "engine/text/unicode.h"

namespace cairn::text {
namespace {

std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> points{};
  char32_t next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    points[byte] = printable ? byte : next++;
  }
  return points;
}

// Byte of each code point below 324, -1 for none.
std::array<std::int16_t, 324> make_inverse() {
  std::array<std::int16_t, 324> bytes;
  bytes.fill(-1);
  for (unsigned byte = 0; byte < 256; ++byte) bytes[byte_alphabet()[byte]] = static_cast<std::int16_t>(byte);
  return bytes;
}

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() {
  static const std::array<char32_t, 256> points = make_alphabet();
  return points;
}

std::string to_alphabet(std::string_view bytes) {
  std::string written;
  for (const char byte : bytes) append_utf8(written, byte_alphabet()[static_cast<std::uint8_t>(byte)]);
  return written;
}

std::optional<std::string> from_alphabet(std::string_view written) {
  static const std::array<std::int16_t, 324> inverse = make_inverse();
  if (valid_utf8_prefix(written) != written.size()) return std::nullopt;
  std::string bytes;
  for (std::size_t at = 0; at < written.size();) {
    int length;
    const char32_t point = decode_valid(written.data() + at, length);
    if (point >= inverse.size() || inverse[point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(inverse[point]));
    at += static_cast<std::size_t>(length);
  }
  return bytes;
}

}  // namespace cairn::text
