// A workspace with a model that was made, measured and reproduced, to release.
#pragma once

#include <functional>

#include "base/json.h"
#include "lineage/audit.h"
#include "lineage/release.h"
#include "tests/lineage/lineage_support.h"

namespace cairn::lineage::test {

struct Released {
  cairn::test::TemporaryFolder folder;
  fs::path w = folder.path() / "w", release = folder.path() / "moved" / "release";
  SigningKey key = SigningKey::generate();
  Digest model;

  Released() {
    make();
    Workspace workspace = Workspace::open_read_only(real_disk(), w);
    make_release(workspace, workspace.ledger().resolve("chat"), "chat", folder.path() / "release", key, kStart);
    fs::create_directories(release.parent_path());
    fs::rename(folder.path() / "release", release);
    fs::rename(w, folder.path() / "gone");  // nothing may look there
  }

  AuditReport audit(const std::vector<PublicKey>& trusted = {}) const { return audit_release(release, trusted); }
  std::vector<std::string> files() const {
    std::vector<std::string> list;
    for (const auto& entry : fs::recursive_directory_iterator(release)) {
      if (entry.is_regular_file()) list.push_back(entry.path().lexically_relative(release).generic_string());
    }
    std::sort(list.begin(), list.end());
    return list;
  }

 private:
  void make() {
    write_text(folder.path() / "docs" / "a.html", std::string(3000, 'a'));
    Workspace workspace = make_workspace(w);
    Ledger& ledger = workspace.ledger();
    Maker maker{workspace};
    const ArtifactId raw = ledger.adopt(hash_content(folder.path() / "docs"), "raw", "../docs", Trust::declared, "a.org", kStart);
    const auto corpus = maker.make(
        "ingest", {{"sources", 0, raw}},
        {{"documents", "documents", {{"0", std::string(5000, 'x')}}, R"({"documents":3})"},
         {"report",
          "report",
          {{"",
            R"({"by_language":{"de":{"documents":3,"text_bytes":900}},"by_licence":{"":{"documents":1,"text_bytes":300},"CC-BY-4.0 OR MIT":{"documents":2,"text_bytes":600}},"by_source":{"a.org":{"documents":3,"text_bytes":900}}})"}}}},
        {{"corpus", "documents"}}, "{}", {{"a.org", sha256(std::string(5000, 'x')), 0, 3, 0}});
    // Shows texts, also dropped ones: stays at home.
    maker.make("curate", {{"documents", 0, corpus[0]}},
               {{"documents", "documents", {{"0", std::string(4000, 'x')}}},
                {"report", "report", {{"", R"({"secret":"dropped text"})"}}}},
               {{"clean", "documents"}});
    const auto clean = ledger.resolve("clean").id;
    const NewRun pretrain = maker.new_run("pretrain", {{"data", 0, clean}}, R"({"steps":7})");
    const RunId first = ledger.start_run(pretrain);
    ledger.begin_sealing(first);
    std::string weights;
    for (int i = 0; i < 40'000; ++i) weights += fmt::format("{}", i);
    const auto sealed = maker.seal(pretrain, {{"checkpoint", "checkpoint", {{"weights", weights}}, R"({"steps":7})"}});
    ledger.finish_run(first, sealed, {}, {{"base", "checkpoint"}}, "trained", maker.clock);
    // Made again, with the same bits.
    NewRun again = maker.new_run("pretrain", {{"data", 0, clean}}, R"({"steps":7})");
    again.reproduction_of = first;
    const RunId second = ledger.start_run(again);
    ledger.begin_sealing(second);
    ledger.finish_run(second, maker.seal(again, {{"checkpoint", "checkpoint", {{"weights", weights}}, R"({"steps":7})"}}), {}, {},
                      "again", maker.clock);
    const auto base = ledger.resolve("base").id;
    const auto exported = maker.make("export", {{"checkpoint", 0, base}},
                                     {{"model", "model", {{"config.json", "{}"}, {"model.safetensors", weights}, {"empty", ""}}}},
                                     {{"chat", "model"}});
    model = ledger.artifact(exported[0]).digest;
    const auto result = [](const Digest& measured, double accuracy) {
      return Json{{"config", {{"model_sha", measured.hex()}}}, {"results", {{"quiz", {{"acc,none", accuracy}}}}}}.dump();
    };
    maker.make(
        "evaluate", {{"model", 0, exported[0]}},
        {{"results", "eval_result", {{"ours.json", result(model, 0.625)}, {"theirs.json", result(sha256("other"), 0.875)}}}});
  }
};

// What a forger, or a release of another program, may leave: the folder as it is now, listed again after `change`, and signed.
// All digests hold.
inline Manifest sign_again(
    const fs::path& release, const SigningKey& key, const std::function<void(Manifest&)>& change = [](Manifest&) {}) {
  write_text(release / "key.pem", key.public_key().pem());
  Manifest manifest = parse_manifest(read_text(release / kManifestFile), kManifestFile);
  std::erase_if(manifest.files, [&](const ReleaseFile& file) { return !fs::exists(release / file.path); });
  std::vector<ScannedFile> scanned;
  for (const ReleaseFile& file : manifest.files) {
    if (file.path != kParityFile) scanned.push_back(scan_release_file(release, file.path));
  }
  write_text(release / kParityFile, parity_text(scanned));
  for (ReleaseFile& file : manifest.files) file = scan_release_file(release, file.path).file;
  manifest.key_id = key.public_key().id();
  change(manifest);
  write_text(release / kManifestFile, manifest_text(manifest));
  write_text(release / kStatementFile,
             seal_envelope(kStatementType, release_statement(manifest, sha256(manifest_text(manifest))), {key}));
  return manifest;
}

}  // namespace cairn::lineage::test
