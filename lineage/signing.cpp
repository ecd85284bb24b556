#include "lineage/signing.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <memory>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"

namespace cairn::lineage {

namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;
using Bio = std::unique_ptr<BIO, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Key private_key(const std::array<std::uint8_t, 32>& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  if (!key) fail("OpenSSL cannot use Ed25519 here");
  return key;
}

Key public_key_of(const std::array<std::uint8_t, 32>& bytes) {
  return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()));
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

std::string PublicKey::id() const {
  return sha256(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())).hex();
}

std::string PublicKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), public_key_of(bytes).get());
  return text_of(bio);
}

PublicKey PublicKey::from_pem(std::string_view pem, std::string_view origin) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  PublicKey found;
  std::size_t size = found.bytes.size();
  if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), found.bytes.data(), &size) != 1) {
    fail("{}: expected an Ed25519 public key in PEM form", origin);
  }
  return found;
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  const Key key = public_key_of(bytes);
  const Context context(EVP_MD_CTX_new());
  if (!key || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
}

SigningKey SigningKey::generate() {
  SigningKey key;
  if (RAND_priv_bytes(key.seed_.data(), static_cast<int>(key.seed_.size())) != 1)
    fail("the system gives no random bytes for a key");
  return key;
}

SigningKey SigningKey::from_seed(const std::array<std::uint8_t, 32>& seed) {
  SigningKey key;
  key.seed_ = seed;
  return key;
}

SigningKey SigningKey::load(const std::filesystem::path& path) {
  const std::string pem = read_file(path);
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const auto no_password = [](char*, int, int, void*) { return -1; };
  const Key read(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  SigningKey key;
  std::size_t size = key.seed_.size();
  if (!read || EVP_PKEY_id(read.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(read.get(), key.seed_.data(), &size) != 1) {
    fail("{}: expected an Ed25519 private key in PEM form, not encrypted", path.string());
  }
  return key;
}

void SigningKey::save(const std::filesystem::path& path) const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), private_key(seed_).get(), nullptr, nullptr, 0, nullptr, nullptr);
  const std::string pem = text_of(bio);
  // Not through Disk: the mode has to be narrow from the first moment.
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) fail("{}: cannot create the key file (it must not exist)", path.string());
  const bool written = ::write(file, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) && ::fsync(file) == 0;
  ::close(file);
  if (!written) fail("{}: cannot write the key file", path.string());
}

PublicKey SigningKey::public_key() const {
  PublicKey found;
  std::size_t size = found.bytes.size();
  EVP_PKEY_get_raw_public_key(private_key(seed_).get(), found.bytes.data(), &size);
  return found;
}

std::string SigningKey::sign(std::string_view message) const {
  const Key key = private_key(seed_);
  const Context context(EVP_MD_CTX_new());
  std::string signature(64, '\0');
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(message),
                     message.size()) != 1) {
    fail("OpenSSL cannot sign with Ed25519");
  }
  return signature;
}

std::string dsse_pae(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
}

std::string envelope_text(const Envelope& envelope) {
  Json signatures = Json::array();
  for (const Envelope::Signature& signature : envelope.signatures) {
    signatures.push_back({{"keyid", signature.key_id}, {"sig", base64_encode(signature.signature)}});
  }
  return canonical_json({{"payload", base64_encode(envelope.payload)},
                         {"payloadType", envelope.payload_type},
                         {"signatures", std::move(signatures)}});
}

std::string seal_envelope(std::string_view payload_type, std::string_view payload, const std::vector<SigningKey>& keys) {
  Envelope envelope{.payload_type = std::string(payload_type), .payload = std::string(payload), .signatures = {}};
  for (const SigningKey& key : keys) {
    envelope.signatures.push_back({key.public_key().id(), key.sign(dsse_pae(payload_type, payload))});
  }
  return envelope_text(envelope);
}

Envelope open_envelope(std::string_view text, std::string_view origin) {
  const Json json = parse_json(text, origin);
  Envelope envelope;
  try {
    envelope.payload = base64_decode(json.at("payload").get<std::string>());
    envelope.payload_type = json.at("payloadType").get<std::string>();
    for (const Json& signature : json.at("signatures")) {
      envelope.signatures.push_back(
          {signature.at("keyid").get<std::string>(), base64_decode(signature.at("sig").get<std::string>())});
    }
  } catch (const Json::exception&) {
    fail("{}: not a DSSE envelope (payload, payloadType, signatures with keyid and sig)", origin);
  } catch (const Error& error) {
    fail("{}: {}", origin, error.what());
  }
  if (envelope_text(envelope) != text) fail("{}: a DSSE envelope, but not in canonical form", origin);
  return envelope;
}

}  // namespace cairn::lineage
