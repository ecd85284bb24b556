#include "base/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace cairn {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

std::array<std::uint8_t, 8> little_endian(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes;
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (8 * i));
  return bytes;
}

}  // namespace

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

std::string Digest::hex() const {
  return to_hex(bytes);
}

Digest Digest::from_hex(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) fail("expected a digest of 64 hex digits, found {} characters", hex.size());
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0)
      fail("expected a digest of 64 hex digits, found another character at position {}", 2 * i + (high < 0 ? 1 : 2));
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

Digest Digest::from_bytes(std::span<const std::uint8_t> bytes) {
  Digest digest;
  if (bytes.size() != digest.bytes.size()) fail("expected a digest of 32 bytes, found {}", bytes.size());
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1)
    fail("SHA-256 is not available in libcrypto");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(const void* data, std::size_t size) {
  if (EVP_DigestUpdate(state_->context.get(), data, size) != 1) fail("SHA-256 failed in libcrypto");
  return *this;
}

Sha256& Sha256::field(std::string_view text) {
  const auto length = little_endian(text.size());
  return update(length.data(), length.size()).update(text);
}

Sha256& Sha256::field(std::int64_t number) {
  const auto bytes = little_endian(static_cast<std::uint64_t>(number));
  return update(bytes.data(), bytes.size());
}

Digest Sha256::finish() {
  Digest digest;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), digest.bytes.data(), &size) != 1 || size != digest.bytes.size()) {
    fail("SHA-256 failed in libcrypto");
  }
  return digest;
}

Digest sha256(std::string_view text) {
  return Sha256().update(text).finish();
}
Digest sha256(std::span<const std::byte> bytes) {
  return Sha256().update(bytes.data(), bytes.size()).finish();
}

Digest sha256_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("{}: cannot open: {}", path.string(), std::strerror(errno));
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  std::vector<char> buffer(1 << 18);
  Sha256 hash;
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int code = errno;
      ::close(descriptor);
      fail("{}: cannot read: {}", path.string(), std::strerror(code));
    }
    if (got == 0) break;
    hash.update(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return hash.finish();
}

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? static_cast<std::uint8_t>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= have ? kBase64Digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) fail("expected base64 with a length that is a multiple of 4, found {} characters", text.size());
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::size_t padding = 0;
    if (i + 4 == text.size()) padding = text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = k >= 4 - padding ? 0 : base64_value(text[i + k]);
      if (value < 0) fail("expected base64, found another character at position {}", i + k + 1);
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    // Bits that no byte takes must be zero, or two texts would mean the same bytes.
    if ((padding == 1 && (group & 0xff)) || (padding == 2 && (group & 0xffff)))
      fail("expected canonical base64, found stray bits at its end");
    for (std::size_t k = 0; k < 3 - padding; ++k) bytes += static_cast<char>(group >> (16 - 8 * k) & 0xff);
  }
  return bytes;
}

}  // namespace cairn
