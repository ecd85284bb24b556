// What a release or a copied workspace brings along: run records, manifests, envelopes, document maps; and keys.
#include <fstream>

#include "lineage/docmap.h"
#include "lineage/record.h"
#include "lineage/signing.h"
#include "lineage/tree.h"
#include "lineage/workspace.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

TEST_CASE("fuzz: a run record is refused or is the one text of what it says") {
  const cairn::test::TemporaryFolder folder;
  std::vector<std::string> seeds;
  {
    Workspace workspace = cairn::lineage::test::make_workspace(folder.path() / "w");
    cairn::lineage::test::Maker maker{workspace};
    const auto corpus =
        maker.make("ingest", {}, {{"documents", "documents", {{"0", "text"}, {"1", "more"}}, R"({"documents":4})"}},
                   {{"corpus", "documents"}}, R"({"n":1.5,"s":"ü"})", {{"a.org", sha256("text"), 0, 3, 40}});
    maker.make("exec", {{"in", 0, corpus[0]}}, {{"out", "file", {{"", "text"}}}});
    for (const Run& run : workspace.ledger().runs()) seeds.push_back(read_file(workspace.run_folder(run.uuid) / "record.json"));
  }
  REQUIRE(seeds.size() == 2);
  feed("record", seeds, fuzz_rounds(4000), [](const std::string& bytes) {
    const std::string again = record_text(parse_record(bytes, "x"));
    CHECK(again == bytes);
  });
}

TEST_CASE("fuzz: a manifest is refused or is the one text of what it lists") {
  feed("manifest", {tree_manifest({{"a", sha256("x"), 1, false}, {"b/c d", sha256("y"), 12345678901, true}})}, fuzz_rounds(10000),
       [](const std::string& bytes) {
         const std::string again = tree_manifest(parse_tree_manifest(bytes, "x"));
         CHECK(again == bytes);
       });
}

TEST_CASE("fuzz: envelopes and keys") {
  const SigningKey key = SigningKey::from_seed({1, 2, 3}), other = SigningKey::from_seed({4});
  feed("envelope", {seal_envelope("text/x", "payload \x01\xff", {key}), seal_envelope("text/x", "", {key, other})},
       fuzz_rounds(10000), [&](const std::string& bytes) {
         const Envelope envelope = open_envelope(bytes, "x");
         for (const auto& signature : envelope.signatures) {
           key.public_key().verify(dsse_pae(envelope.payload_type, envelope.payload), signature.signature);
         }
       });
  feed("public key", {key.public_key().pem()}, fuzz_rounds(),
       [](const std::string& bytes) { PublicKey::from_pem(bytes, "x").verify("m", std::string(64, 's')); });
  const cairn::test::TemporaryFolder folder;
  key.save(folder.path() / "key");
  const std::string pem = read_file(folder.path() / "key");
  std::filesystem::remove(folder.path() / "key");
  feed("private key", {pem}, fuzz_rounds(), [&](const std::string& bytes) {
    std::ofstream(folder.path() / "key", std::ios::binary) << bytes;
    SigningKey::load(folder.path() / "key").sign("m");
  });
}

TEST_CASE("fuzz: a document map answers every question or refuses it") {
  DocmapWriter writer;
  const std::uint32_t parent = writer.parent("documents-00000.jsonl.zst", sha256("p"));
  for (int i = 0; i < 300; ++i)
    writer.append(i * 37 % 1000, i % 50 < 30 ? "a.example" : "b.example", parent, i, document_key(std::to_string(i)));
  const cairn::test::TemporaryFolder folder;
  feed("docmap", {writer.bytes()}, fuzz_rounds(3000), [&](const std::string& bytes) {
    std::ofstream(folder.path() / "d", std::ios::binary) << bytes;
    const Docmap map = Docmap::open(folder.path() / "d");
    map.for_each([](const DocmapDocument&) {});
    for (std::uint32_t source = 0; source < map.sources().size(); ++source) map.documents_of(source);
    map.find(document_key("7"));
    map.document(map.documents() / 2);
    map.document_at(map.tokens() / 2);
  });
}
