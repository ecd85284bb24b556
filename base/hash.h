// SHA-256 (FIPS 180-4, through OpenSSL): the identity of every artifact.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cairn {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  std::string hex() const;                        // 64 lower-case letters
  std::string short_hex() const { return hex().substr(0, 12); }
  static Digest from_hex(std::string_view hex);   // throws Error unless 64 hex digits
  static Digest from_bytes(std::span<const std::uint8_t> bytes);  // throws Error unless 32 bytes
  auto operator<=>(const Digest&) const = default;
};

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(const void* data, std::size_t size);
  Sha256& update(std::string_view text) { return update(text.data(), text.size()); }
  // Framed fields, so that no two sequences of fields share an encoding (spec/lineage.md §2.2 "recipe key"):
  // an 8-byte little-endian length before the text; integers as 8 bytes little-endian.
  Sha256& field(std::string_view text);
  Sha256& field(std::int64_t number);
  Digest finish();                                // the object must not be used afterwards

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(std::string_view text);
Digest sha256(std::span<const std::byte> bytes);
Digest sha256_file(const std::filesystem::path& path);   // streamed; throws Error when unreadable

std::string to_hex(std::span<const std::uint8_t> bytes);
std::string base64_encode(std::string_view bytes);
std::string base64_decode(std::string_view text);         // throws Error on anything but canonical base64

}  // namespace cairn
