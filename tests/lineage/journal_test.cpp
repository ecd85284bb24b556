#include "lineage/database.h"
#include "lineage/rows.h"
#include "tests/lineage/lineage_support.h"
#include "tests/support/hex_page.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

TEST_CASE("journal: the entry of docs/format/journal.md has the bytes and the hash that the page shows") {
  const auto blocks = cairn::test::hex_blocks("journal.md");
  REQUIRE(blocks.size() == 1);
  JournalEntry entry{.seq = 17,
                     .time = 1795515070319630,
                     .event = "run.sealing",
                     .body = R"({"run":"01a20d09-b76f-7a14-8ab3-441b65d76de1"})",
                     .previous = Digest::from_hex("e2e9144550e51ef9dd6e6566923231572772485b8e8ac23ef1191785a6f76cf3")};
  CHECK(journal_hash(entry) == sha256(blocks[0]));
  const std::string page = read_file(cairn::test::source_folder() / "docs/format/journal.md");
  CHECK(page.find("Hash: `" + journal_hash(entry).hex() + "`") != std::string::npos);
  entry.seq = 18;
  CHECK(journal_hash(entry) != sha256(blocks[0]));
}

TEST_CASE("journal: each kind of event that docs/format/journal.md lists is written with that body") {
  cairn::test::TemporaryFolder folder;
  write_text(folder.path() / "docs" / "a.html", "a");
  Workspace workspace = make_workspace(folder.path() / "w");
  Ledger& ledger = workspace.ledger();
  Maker maker{workspace};
  const ArtifactId raw = ledger.adopt(hash_content(folder.path() / "docs"), "raw", "../docs", Trust::unknown, "", maker.clock);
  maker.make("ingest", {{"sources", 0, raw}}, {{"documents", "documents", {{"0", "x"}}}}, {{"corpus", "documents"}});
  ledger.move_ref("corpus", raw, maker.clock);
  for (const RunState state : {RunState::failed, RunState::aborted, RunState::lost}) {
    ledger.end_run(ledger.start_run(maker.new_run("curate", {{"documents", 0, raw}})), state, "", maker.clock);
  }
  const std::string page = read_file(cairn::test::source_folder() / "docs/format/journal.md");
  std::int64_t seq = 0;
  for (const JournalEntry& entry : ledger.journal()) {
    CHECK(entry.seq == ++seq);
    CHECK_MESSAGE(page.find("`" + entry.event + "`") != std::string::npos, entry.event);
  }
  CHECK(seq == 11);
}
