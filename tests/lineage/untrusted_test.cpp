// Texts that come from elsewhere: records, manifests, envelopes, keys. Whatever is done to them, they are read or refused with a
// message.
#include <random>

#include "base/error.h"
#include "lineage/record.h"
#include "tests/lineage/release_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

namespace {

// Bytes replaced, inserted, removed, swapped for pieces that parsers stumble over; JSON's own separators are hit often.
std::string damaged(std::string text, std::mt19937& random) {
  static const char* const kPieces[] = {"\"",      "{",    "}",    "[",    "]",  "null", "-1", "1e999", "18446744073709551616",
                                        "\\u0000", "\xff", "true", "\"\"", "../"};
  for (unsigned i = 0, times = 1 + random() % 3; i < times && !text.empty(); ++i) {
    const std::size_t at = random() % text.size();
    switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.insert(at, kPieces[random() % std::size(kPieces)]);
        break;
      case 2:
        text.erase(at, 1 + random() % 40);
        break;
      default: {
        // One value of a "key":value pair becomes something else.
        const std::size_t colon = text.find(':', at);
        if (colon != std::string::npos) text.replace(colon + 1, 1 + random() % 3, kPieces[random() % std::size(kPieces)]);
      }
    }
  }
  return text;
}

template <typename Read>
void check_reader(const std::string& good, int trials, Read read) {
  std::mt19937 random(11);
  int refused = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const std::string text = damaged(good, random);
    try {
      read(text);
    } catch (const Error& error) {
      ++refused;
      CHECK_FALSE(std::string(error.what()).empty());
    }
  }
  CHECK(refused > trials / 4);
}

}  // namespace

TEST_CASE("untrusted: damaged records, manifests, envelopes and keys are refused, never followed") {
  const Released released;
  std::string record;
  for (const std::string& file : released.files()) {
    if (file.starts_with("records/")) {
      const std::string text = read_text(released.release / file);
      if (text.find("\"op\":\"ingest\"") != std::string::npos) record = text;
    }
  }
  REQUIRE_FALSE(record.empty());
  check_reader(record, 3000, [](const std::string& text) { parse_record(text, "record"); });
  check_reader(read_text(released.release / kManifestFile), 1000,
               [](const std::string& text) { parse_manifest(text, "manifest"); });
  check_reader(read_text(released.release / kStatementFile), 1000,
               [](const std::string& text) { open_envelope(text, "envelope"); });
  check_reader(read_text(released.release / "key.pem"), 1000, [](const std::string& text) { PublicKey::from_pem(text, "key"); });
}

TEST_CASE("untrusted: a manifest may not lead out of its folder, nor list a file twice, nor lie about its chunks") {
  const Released released;
  const Manifest good = parse_manifest(read_text(released.release / kManifestFile), "m");
  const auto refused = [&](auto change) {
    Manifest manifest = good;
    change(manifest);
    return cairn::test::error_of([&] { parse_manifest(manifest_text(manifest), "m"); });
  };
  CHECK(refused([](Manifest& m) { m.files[0].path = "../outside"; }).find("outside") != std::string::npos);
  CHECK(refused([](Manifest& m) { m.files[0].path = "/etc/passwd"; }) != "");
  CHECK(refused([](Manifest& m) { m.files[1] = m.files[0]; }) != "");
  CHECK(refused([](Manifest& m) { m.files[0].bytes += 65'536; }).find("chunks listed for") != std::string::npos);
  CHECK(refused([](Manifest& m) { m.files[0].bytes = ~std::uint64_t{0}; }) != "");
}

TEST_CASE("untrusted: a folder of a release in which any file was damaged beyond a byte is told, not crashed upon") {
  const Released released;
  std::mt19937 random(5);
  for (const std::string& file : released.files()) {
    if (fs::file_size(released.release / file) == 0) continue;
    const std::string whole = read_text(released.release / file);
    for (int trial = 0; trial < 4; ++trial) {
      const std::string text = trial == 0 ? std::string() : damaged(whole, random);
      if (text == whole) continue;
      fs::remove(released.release / file);
      write_text(released.release / file, text);
      CHECK_MESSAGE(!released.audit().holds(), file);
    }
    fs::remove(released.release / file);
    write_text(released.release / file, whole);
  }
  CHECK(released.audit().holds());
}
