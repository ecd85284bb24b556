// Ed25519 signatures (RFC 8032, through OpenSSL) and DSSE envelopes (secure-systems-lab/dsse, protocol v1).
//
// A key's id is the SHA-256 of its 32 raw public bytes, in hex. In an envelope it is a hint and never trusted.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace cairn::lineage {

struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};

  std::string id() const;
  std::string pem() const;  // SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it
  static PublicKey from_pem(std::string_view pem, std::string_view origin);  // Error unless one Ed25519 public key
  bool verify(std::string_view message, std::string_view signature) const;
  auto operator<=>(const PublicKey&) const = default;
};

class SigningKey {
 public:
  static SigningKey generate();
  static SigningKey from_seed(const std::array<std::uint8_t, 32>& seed);  // the private key of RFC 8032
  static SigningKey load(const std::filesystem::path& path);              // PKCS #8 PEM, not encrypted
  void save(const std::filesystem::path& path) const;                     // mode 0600; Error when the file exists

  PublicKey public_key() const;
  std::string sign(std::string_view message) const;  // 64 bytes

 private:
  std::array<std::uint8_t, 32> seed_{};
};

// What is signed: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body.
std::string dsse_pae(std::string_view payload_type, std::string_view payload);

struct Envelope {
  struct Signature {
    std::string key_id, signature;
  };
  std::string payload_type, payload;
  std::vector<Signature> signatures;
};

// The envelope's canonical JSON text.
std::string envelope_text(const Envelope& envelope);
// The same, with one signature a key.
std::string seal_envelope(std::string_view payload_type, std::string_view payload, const std::vector<SigningKey>& keys);
// Error naming `origin` unless the text is, byte for byte, what seal_envelope could have written: nothing in it is without
// meaning.
Envelope open_envelope(std::string_view text, std::string_view origin);

}  // namespace cairn::lineage
