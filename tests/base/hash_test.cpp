#include "base/hash.h"

#include "base/disk.h"
#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

TEST_CASE("sha256: the vectors of FIPS 180-4 and NIST's CAVP") {
  CHECK(sha256("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex() ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")
            .hex() == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(sha256(std::string(1'000'000, 'a')).hex() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(sha256("\xd3").hex() ==
        "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");  // CAVP short message, 8 bits
}

TEST_CASE("sha256: any cut of the input gives the same digest, and files are hashed as their bytes") {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += static_cast<char>(i * 31 + i / 256);
  const Digest whole = sha256(text);
  for (const std::size_t step : {1u, 7u, 64u, 4096u}) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += step) hash.update(std::string_view(text).substr(at, step));
    CHECK(hash.finish() == whole);
  }
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "f", text);
  CHECK(sha256_file(folder.path() / "f") == whole);
  CHECK(sha256(std::as_bytes(std::span(text))) == whole);
  CHECK(error_of([&] { sha256_file(folder.path() / "g"); }) ==
        (folder.path() / "g").string() + ": cannot open: No such file or directory");
  CHECK(error_of([&] { sha256_file(folder.path()); }) == folder.path().string() + ": cannot read: Is a directory");
}

TEST_CASE("sha256: framed fields do not run into each other") {
  const auto hash = [](auto... fields) {
    Sha256 sha;
    (sha.field(fields), ...);
    return sha.finish();
  };
  using Text = std::string_view;
  CHECK(hash(Text("ab"), Text("c")) != hash(Text("a"), Text("bc")));
  CHECK(hash(Text("")) != hash(Text(""), Text("")));
  CHECK(hash(Text("abc")) == sha256(std::string_view("\x03\0\0\0\0\0\0\0abc", 11)));
  CHECK(hash(std::int64_t{-2}) == sha256(std::string_view("\xfe\xff\xff\xff\xff\xff\xff\xff", 8)));
}

TEST_CASE("digest: hex both ways, and anything else is refused") {
  const Digest digest = sha256("abc");
  CHECK(Digest::from_hex(digest.hex()) == digest);
  CHECK(Digest::from_bytes(digest.bytes) == digest);
  CHECK(digest.short_hex() == "ba7816bf8f01");
  std::string upper = digest.hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  CHECK(Digest::from_hex(upper) == digest);
  CHECK(error_of([&] { Digest::from_hex(digest.hex().substr(1)); }) == "expected a digest of 64 hex digits, found 63 characters");
  std::string bad = digest.hex();
  bad[9] = 'g';
  CHECK(error_of([&] { Digest::from_hex(bad); }) == "expected a digest of 64 hex digits, found another character at position 10");
  CHECK(error_of([&] { Digest::from_bytes(std::span(digest.bytes).first(31)); }) == "expected a digest of 32 bytes, found 31");
  CHECK(Digest() < digest);
}

TEST_CASE("base64: the vectors of RFC 4648, and only canonical text is read") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text) == bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(base64_decode(base64_encode(all)) == all);
  CHECK(base64_encode("\xfb\xff\xbf") == "+/+/");
  for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9 ", "Zm9\n", "Zm9-", "Zm=v"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { base64_decode(bad); }) != "");
  }
}
