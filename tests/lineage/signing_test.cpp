#include "lineage/signing.h"

#include <sys/stat.h>

#include "base/error.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

namespace {

std::string unhex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

SigningKey key_of(const std::string& hex) {
  std::array<std::uint8_t, 32> seed{};
  const std::string bytes = unhex(hex);
  std::copy(bytes.begin(), bytes.end(), seed.begin());
  return SigningKey::from_seed(seed);
}

std::string hex_of(std::string_view bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

TEST_CASE("Ed25519: the vectors of RFC 8032 §7.1") {
  struct Vector {
    const char *seed, *public_key, *message, *signature;
  };
  for (const Vector& v : {
           Vector{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
                  "24655141438e7a100b"},
           Vector{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
                  "eeb00d291612bb0c00"},
           Vector{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed2"
                  "8dc027beceea1ec40a"},
       }) {
    const SigningKey key = key_of(v.seed);
    const PublicKey public_key = key.public_key();
    CHECK(to_hex(public_key.bytes) == v.public_key);
    const std::string message = unhex(v.message), signature = key.sign(message);
    CHECK(hex_of(signature) == v.signature);
    CHECK(public_key.verify(message, signature));
    CHECK_FALSE(public_key.verify(message + "x", signature));
    CHECK_FALSE(public_key.verify(message, signature.substr(1)));
    CHECK_FALSE(public_key.verify(message, ""));
    for (std::size_t i = 0; i < signature.size(); i += 7) {
      std::string changed = signature;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      CHECK_FALSE(public_key.verify(message, changed));
    }
  }
}

TEST_CASE("DSSE: the pre-authentication encoding of the protocol's test vector") {
  CHECK(dsse_pae("http://example.com/HelloWorld", "hello world") == "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST_CASE("DSSE: an envelope opens to what was sealed, and no byte of it can be changed unseen") {
  const SigningKey key = key_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const std::string text = seal_envelope("a/b", "payload \n\xff", {key});
  const auto holds = [&](const std::string& envelope_text) {
    try {
      const Envelope envelope = open_envelope(envelope_text, "e");
      return envelope.signatures.size() == 1 && envelope.signatures[0].key_id == key.public_key().id() &&
             key.public_key().verify(dsse_pae(envelope.payload_type, envelope.payload), envelope.signatures[0].signature);
    } catch (const Error&) {
      return false;
    }
  };
  CHECK(holds(text));
  CHECK(open_envelope(text, "e").payload == "payload \n\xff");
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int mask : {0x01, 0x20}) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ mask);
      CHECK_FALSE(holds(changed));
    }
  }
  CHECK(cairn::test::error_of([&] { open_envelope("{}", "e"); }).find("not a DSSE envelope") != std::string::npos);
  CHECK(cairn::test::error_of([&] { open_envelope(text + " ", "e"); }).find("not in canonical form") != std::string::npos);
}

TEST_CASE("keys: saved narrow, loaded the same, named by the hash of the public bytes; other files are refused") {
  cairn::test::TemporaryFolder folder;
  const SigningKey key = SigningKey::generate();
  key.save(folder.path() / "key");
  struct stat status {};
  REQUIRE(::stat((folder.path() / "key").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(SigningKey::load(folder.path() / "key").public_key() == key.public_key());
  CHECK(cairn::test::error_of([&] { key.save(folder.path() / "key"); }).find("must not exist") != std::string::npos);
  CHECK(SigningKey::generate().public_key() != key.public_key());

  const std::string pem = key.public_key().pem();
  CHECK(PublicKey::from_pem(pem, "k") == key.public_key());
  CHECK(key_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").public_key().id() ==
        sha256(unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")).hex());
  write_text(folder.path() / "bad", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  CHECK(cairn::test::error_of([&] { SigningKey::load(folder.path() / "bad"); }).find("expected an Ed25519 private key") !=
        std::string::npos);
  CHECK(cairn::test::error_of([&] { PublicKey::from_pem("", "k"); }) == "k: expected an Ed25519 public key in PEM form");
}
