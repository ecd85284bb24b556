#include "engine/steps/stale.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/core.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/steps/adopt.h"

namespace cairn::steps {
namespace {

using lineage::ArtifactId;
using lineage::Ref;
using Reasons = std::vector<std::string>;

class StaleFinder {
 public:
  StaleFinder(lineage::Workspace& workspace, const StepRegistry& registry, ThreadPool* threads)
      : workspace_(workspace), ledger_(workspace.ledger()), registry_(registry), threads_(threads), refs_(ledger_.refs()) {
    for (const Ref& ref : refs_) current_[ref.artifact] = fmt::format("{}@{}", ref.name, ref.generation);
  }

  std::vector<StaleArtifact> find() {
    std::vector<StaleArtifact> stale;
    for (const Ref& ref : refs_) {
      Reasons reasons = reasons_of(ref.artifact);
      if (!reasons.empty()) stale.push_back({fmt::format("{}@{}", ref.name, ref.generation), std::move(reasons)});
    }
    return stale;
  }

 private:
  // Kept per artifact: a graph has far fewer artifacts than paths. A step that changes nothing makes what it read, hence the
  // entry first.
  const Reasons& reasons_of(ArtifactId artifact) {
    const auto known = reasons_.find(artifact);
    if (known != reasons_.end()) return known->second;
    Reasons& reasons = reasons_[artifact];
    const std::vector<lineage::Run> runs = ledger_.producers(artifact);
    if (runs.empty()) {
      if (auto change = outside_change(artifact, {})) reasons.push_back(std::move(*change));
      return reasons;
    }
    Reasons newest;
    for (const lineage::Run& run : runs) {
      Reasons of_run = reasons_of_run(run);
      if (of_run.empty()) return reasons;
      if (newest.empty()) newest = std::move(of_run);
    }
    return reasons = std::move(newest);
  }

  // Kept per run: most make several artifacts, and what they read from outside is hashed again.
  Reasons reasons_of_run(const lineage::Run& run) {
    const auto [known, fresh] = of_runs_.try_emplace(run.id);
    if (!fresh) return known->second;
    Reasons& reasons = known->second;
    if (!registry_.knows(run.op)) {
      reasons.push_back(fmt::format("this program has no step {}", run.op));
    } else if (const int version = registry_.find(run.op).version; version != run.op_version) {
      reasons.push_back(fmt::format("step {} is at version {}, it was made by version {}", run.op, version, run.op_version));
    }
    for (const lineage::RunInput& input : run.inputs) add_input(run, input, reasons);
    return reasons;
  }

  void add_input(const lineage::Run& run, const lineage::RunInput& input, Reasons& reasons) {
    if (const std::optional<std::string> moved = moved_name(input.artifact)) {
      reasons.push_back(fmt::format("input {}: {}", input.role, *moved));
    } else if (ledger_.producers(input.artifact).empty()) {
      if (const auto change = outside_change(input.artifact, globs_of(run, input)))
        reasons.push_back(fmt::format("input {}: {}", input.role, *change));
    } else if (!reasons_of(input.artifact).empty()) {
      const auto name = current_.find(input.artifact);
      reasons.push_back(fmt::format("input {} is stale{}", input.role, name == current_.end() ? "" : " (" + name->second + ")"));
    }
  }

  // "was clean@1, clean@2 is there now" when names have left the artifact and none means it today.
  std::optional<std::string> moved_name(ArtifactId artifact) const {
    if (current_.count(artifact) > 0) return std::nullopt;
    for (const Ref& ref : refs_) {
      for (int generation = ref.generation - 1; generation > 0; --generation) {
        const std::optional<Ref> earlier = ledger_.ref(ref.name, generation);
        if (earlier && earlier->artifact == artifact)
          return fmt::format("was {}@{}, {}@{} is there now", ref.name, generation, ref.name, ref.generation);
      }
    }
    return std::nullopt;
  }

  // The patterns by which the config of a run took this input from a folder; nothing when it came in by a wire.
  std::optional<std::vector<std::string>> globs_of(const lineage::Run& run, const lineage::RunInput& input) const {
    if (!registry_.knows(run.op) || !registry_.find(run.op).externals) return std::nullopt;
    try {
      const std::vector<External> externals = registry_.find(run.op).externals(Config(parse_json(run.config, run.op), run.op));
      const auto with_role = [&](const auto& each) { return each.role == input.role; };
      const std::ptrdiff_t wired = std::count_if(run.inputs.begin(), run.inputs.end(), with_role) -
                                   std::count_if(externals.begin(), externals.end(), with_role);
      std::ptrdiff_t ordinal = wired;  // those that the config names come after the wired ones
      for (const External& external : externals) {
        if (external.role == input.role && ordinal++ == input.ordinal) return external.globs;
      }
    } catch (const Error&) {  // a config of another version of the step: its version is the reason that is told
    }
    return std::nullopt;
  }

  // What has happened to files that were adopted in place: nothing as long as one of their places holds these bytes. With `globs`
  // all files that match count, so that a new one is a change; without, those that were adopted.
  std::optional<std::string> outside_change(ArtifactId id, const std::optional<std::vector<std::string>>& globs) {
    std::optional<std::string> change;
    for (const std::string& place : ledger_.locations(id)) {
      if (place.starts_with("objects/")) return std::nullopt;
      const std::string found = state_of(id, place, globs);
      if (found.empty()) return std::nullopt;
      change = fmt::format("{} {}", place, found);
    }
    return change;
  }

  // "" when `place` holds the artifact's bytes.
  std::string state_of(ArtifactId id, const std::string& place, const std::optional<std::vector<std::string>>& globs) {
    const lineage::Artifact artifact = ledger_.artifact(id);
    const fs::path path = workspace_.folder() / place;
    std::error_code error;
    if (!fs::exists(path, error)) return "is gone";
    try {
      lineage::Content now;
      if (artifact.is_tree && !globs) {
        std::vector<std::string> members;
        for (const lineage::TreeEntry& entry : ledger_.tree_entries(id)) {
          if (!fs::exists(path / entry.path)) return fmt::format("has lost {} since it was adopted", entry.path);
          members.push_back(entry.path);
        }
        now = lineage::hash_members(path, members, threads_);
      } else {
        now = read_outside_files(path, globs.value_or(std::vector<std::string>{}), threads_).content;
      }
      if (now.digest == artifact.digest) return "";
      return artifact.is_tree ? difference(ledger_.tree_entries(id), now.entries) : "has changed since it was read";
    } catch (const Error& failure) {
      return fmt::format("cannot be read: {}", failure.what());
    }
  }

  // "has changed since it was read: a.html (and 2 more files)"
  static std::string difference(const std::vector<lineage::TreeEntry>& then, const std::vector<lineage::TreeEntry>& now) {
    std::map<std::string, std::pair<const lineage::TreeEntry*, const lineage::TreeEntry*>> files;
    for (const lineage::TreeEntry& entry : then) files[entry.path].first = &entry;
    for (const lineage::TreeEntry& entry : now) files[entry.path].second = &entry;
    std::string first;
    int more = -1;
    for (const auto& [path, pair] : files) {
      const auto& [before, after] = pair;
      if (before && after && before->digest == after->digest && before->executable == after->executable) continue;
      if (++more == 0) first = fmt::format("{} {}", path, !before ? "is new" : !after ? "is gone" : "is another");
    }
    return fmt::format("has changed since it was read: {}{}", first,
                       more > 0 ? fmt::format(" (and {} more file{})", more, more == 1 ? "" : "s") : "");
  }

  lineage::Workspace& workspace_;
  lineage::Ledger& ledger_;
  const StepRegistry& registry_;
  ThreadPool* threads_;
  const std::vector<Ref> refs_;
  std::map<ArtifactId, std::string> current_;
  std::map<ArtifactId, Reasons> reasons_;
  std::map<lineage::RunId, Reasons> of_runs_;
};

}  // namespace

std::vector<StaleArtifact> find_stale(lineage::Workspace& workspace, const StepRegistry& registry, ThreadPool* threads) {
  return StaleFinder(workspace, registry, threads).find();
}

}  // namespace cairn::steps
