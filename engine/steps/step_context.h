// What a running step may touch: its declared inputs, a staging folder for its outputs, a scratch folder that survives a kill, a
// clock, a seed, threads, a stop token, metrics, progress. Nothing else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/hash.h"
#include "base/json_fwd.h"
#include "base/progress.h"
#include "base/schema.h"
#include "base/stop.h"
#include "base/thread_pool.h"

namespace cairn::steps {

class Ranks;  // ranks.h

struct StepInput {
  std::filesystem::path path;  // the artifact's file or folder, read-only
  Digest digest;
  std::string kind;
  std::string label;               // how people call it: "corpus.documents", "docs/handbook"
  std::vector<std::string> files;  // of an adopted folder: the member paths that belong to it; empty = all
};

// Documents of one source in one file of an output, for the ledger's source_shard postings (spec/lineage.md §2.7).
struct SourcePosting {
  std::string source;
  std::string output;      // role
  std::string file;        // path inside the output; empty when the output is a file
  std::int64_t first = 0;  // first document, ordinal in the file
  std::int64_t documents = 0;
  std::int64_t tokens = 0;  // 0 where not tokenised
};

// What the executor gives; tests fill it by hand to run a step without a ledger (tests/support/run_step.h).
struct StepSetup {
  std::optional<Config> config;   // completed, without `runtime`; required
  std::optional<Config> runtime;  // completed; required
  std::map<std::string, std::vector<StepInput>> inputs;
  std::filesystem::path staging;  // existing folder; output of role r is staging/r
  std::filesystem::path scratch;  // existing folder; the same for every attempt of one action
  std::filesystem::path metrics;  // file, appended
  std::uint64_t seed = 0;
  std::int64_t started = 0;  // microseconds since 1970: the recorded time of the run, "now" for the step
  ThreadPool* threads = nullptr;
  StopToken* stop = nullptr;
  Disk* disk = nullptr;
  Ranks* ranks = nullptr;  // nullptr: this process alone
  Progress::Style progress_style = Progress::Style::automatic;
};

class StepContext {
 public:
  explicit StepContext(StepSetup setup);
  ~StepContext();
  StepContext(const StepContext&) = delete;
  StepContext& operator=(const StepContext&) = delete;

  const Config& config() const;
  const Config& runtime() const;
  const StepInput& input(const std::string& role) const;                // exactly one; Error if absent
  const std::vector<StepInput>& inputs(const std::string& role) const;  // possibly none
  bool has_input(const std::string& role) const;
  std::vector<std::string> input_roles() const;  // that were given, sorted

  std::filesystem::path staging(const std::string& role) const;  // where to write that output: a file or a folder to create
  std::filesystem::path scratch() const;                         // kept between attempts, removed once the run is recorded
  Disk& disk() const;
  std::uint64_t seed() const;
  std::int64_t started() const;
  ThreadPool& threads() const;
  Ranks& ranks() const;  // those that run this step together; of a step that does not ask for them, this process alone
  StopToken& stop_token() const;
  void stop_if_asked() const;  // throws at a safe point once a stop is requested

  Progress& progress(const std::string& label, const std::string& unit);  // one at a time; a new one ends the last
  // One line of the run's metrics file, flushed: canonical JSON with "time" added. Followed by `cairn watch`.
  void metric(const Json& line);
  // A line of at most 100 characters that the executor prints when the step is done ("4,931 documents, 24.1 MB").
  void summarise(std::string line);
  // Small facts kept with an output's artifact row ("documents": 4931).
  void describe_output(const std::string& role, const std::string& key, Json value);
  void post_source(SourcePosting posting);

  // For the executor, after run().
  const std::string& summary() const;
  Json output_facts(const std::string& role) const;  // object
  const std::vector<SourcePosting>& postings() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::steps
