// What a release says about where its artifact comes from, read from the folder alone: the records of all runs and adoptions
// upstream, their reports, the evaluations of the very weights that are released. The model card and the pipeline are functions
// of this.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "lineage/record.h"

namespace cairn::lineage {

struct ReleaseContents {
  std::string name;
  Digest artifact;
  std::string kind;
  std::vector<Record> records;              // runs and adoptions, in the order of the ledger's journal
  std::map<std::string, Json> reports;      // "reports/<digest>.json": counts of what came in
  std::map<std::string, Json> evaluations;  // "evaluations/<digest>.json": harness results whose model_sha is `artifact`
};

// Reads records/, reports/ and evaluations/. Error naming the file when one is not what it should be.
ReleaseContents read_release_contents(const fs::path& folder, const std::string& name, const Digest& artifact,
                                      const std::string& kind);

// Whether the run made again what another run of the release had made: evidence, and no step of the way.
bool is_repetition(const ReleaseContents& contents, const RecordedRun& run);

// What came in, summed over the reports by "by_source", "by_licence" or "by_language".
struct Tally {
  std::int64_t documents = 0, text_bytes = 0;
};
std::map<std::string, Tally> tallies(const ReleaseContents& contents, const std::string& key);

// The pipeline file that makes the artifact again: one step a run, named as in the run's names where it had some.
std::string rebuilding_pipeline(const ReleaseContents& contents);

// The digest of every artifact, and member of one, that a record made or adopted, with the record's place in `records`.
std::map<Digest, std::size_t> makers_of(const std::vector<Record>& records);

}  // namespace cairn::lineage
