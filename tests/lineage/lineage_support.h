// Small workspaces for the tests of lineage: runs with given outputs, without any step.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "lineage/workspace.h"
#include "tests/support/test.h"

namespace cairn::lineage::test {

inline constexpr std::int64_t kStart = 1'800'000'000'000'000;  // a fixed clock, so that records are reproducible

inline void write_text(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const fs::path& path) {
  return read_file(path);
}

// Changes one byte in place, whatever the mode of the file.
inline void flip_byte(const fs::path& path, std::uint64_t offset, unsigned char mask = 0x01) {
  fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  REQUIRE(byte >= 0);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ mask));
}

struct Output {
  std::string role, kind;
  std::map<std::string, std::string> files;  // one file named "" is a file output; else a folder
  std::string meta = "{}";
};

// A run from start to the moment before the parts that tests cut short.
struct Maker {
  Workspace& workspace;
  std::int64_t clock = kStart;

  NewRun new_run(const std::string& op, const std::vector<RunInput>& inputs, const std::string& config = "{}") {
    clock += 1'000'000;
    return NewRun{.uuid = RunUuid::make(clock),
                  .op = op,
                  .op_version = 1,
                  .config = config,
                  .runtime = R"({"threads":2})",
                  .seed = 7,
                  .determinism = 3,
                  .environment = R"({"cpu":"test"})",
                  .code = sha256("executable"),
                  .revision = "0.1.0",
                  .inputs = inputs,
                  .started = clock};
  }

  std::vector<SealedOutput> seal(const NewRun& run, const std::vector<Output>& outputs) {
    std::vector<SealedOutput> sealed;
    for (const Output& output : outputs) {
      const fs::path staged = workspace.staging_folder(run.uuid) / output.role;
      for (const auto& [name, text] : output.files) write_text(name.empty() ? staged : staged / name, text);
      sealed.push_back(
          {.role = output.role, .kind = output.kind, .content = workspace.store().seal(staged), .meta = output.meta});
    }
    return sealed;
  }

  // A whole run; the ids of its outputs in order.
  std::vector<ArtifactId> make(const std::string& op, const std::vector<RunInput>& inputs, const std::vector<Output>& outputs,
                               const std::map<std::string, std::string>& refs = {}, const std::string& config = "{}",
                               const std::vector<Posting>& postings = {}) {
    Ledger& ledger = workspace.ledger();
    const NewRun run = new_run(op, inputs, config);
    const RunId id = ledger.start_run(run);
    ledger.begin_sealing(id);
    const std::vector<SealedOutput> sealed = seal(run, outputs);
    clock += 500'000;
    ledger.finish_run(id, sealed, postings, refs, op + " done", clock);
    std::vector<ArtifactId> ids;
    for (const SealedOutput& output : sealed) ids.push_back(ledger.artifact_by_digest(output.content.digest)->id);
    return ids;
  }
};

inline Workspace make_workspace(const fs::path& folder, Disk& disk = real_disk()) {
  Workspace::create(disk, folder, "test");
  return Workspace::open(disk, folder);
}

}  // namespace cairn::lineage::test
