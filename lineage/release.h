// A release: one artifact in a folder of its own, with everything that tells how it was made, signed (DESIGN.md §1;
// docs/ledger.md).
//
//   README.md              the model card (exports/model_card.h)
//   model/                 the artifact's files
//   records/               the sealed record of every run and adoption upstream, and of the evaluations
//   reports/               what was taken in, counted by source, licence and language, as JSON
//   evaluations/           what was measured on exactly these weights, as JSON
//   pipeline.json          makes it again
//   key.pem                the public key
//   parity.bin             places a changed byte (release_files.h)
//   manifest.json          every file with size, SHA-256 and chunks; the journal's head
//   statement.dsse.json    an in-toto statement over all of them, signed
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "lineage/release_files.h"
#include "lineage/signing.h"
#include "lineage/workspace.h"

namespace cairn::lineage {

struct ReleaseSummary {
  std::string name;
  Digest artifact;
  std::size_t files = 0, runs = 0, evaluations = 0;
  std::uint64_t bytes = 0;
  std::string key_id;
};

// `folder` must not exist or be empty. Error when the artifact was not made by a run here, when a copied file does not have its
// digest, or when a record upstream is missing. Nothing is written to the workspace. A failure leaves a folder without
// statement.dsse.json.
ReleaseSummary make_release(Workspace& workspace, const Artifact& artifact, const std::string& name, const fs::path& folder,
                            const SigningKey& key, std::int64_t now);

inline constexpr const char* kStatementType = "application/vnd.in-toto+json";
inline constexpr const char* kPredicateType = "urn:cairn:release:1";

// Where the first changed byte of statement.dsse.json is, when all the rest of the release is whole: the statement but for the
// signature follows from manifest and key, and in the signature one changed letter is found by trying. Nothing when that fails.
std::optional<std::uint64_t> locate_statement_damage(std::string_view text, const Manifest& manifest, const PublicKey& key);

// The statement's payload: subjects are all files of the manifest, and the manifest itself.
std::string release_statement(const Manifest& manifest, const Digest& manifest_digest);

}  // namespace cairn::lineage
