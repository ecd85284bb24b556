#include "engine/steps/stale.h"

#include <map>
#include <optional>

#include <fmt/core.h>

namespace cairn::steps {
namespace {

using lineage::ArtifactId;
using lineage::Ref;

class StaleFinder {
 public:
  StaleFinder(lineage::Ledger& ledger, const StepRegistry& registry)
      : ledger_(ledger), registry_(registry), refs_(ledger.refs()) {
    for (const Ref& ref : refs_) current_[ref.artifact] = fmt::format("{}@{}", ref.name, ref.generation);
  }

  std::vector<StaleArtifact> find() {
    std::vector<StaleArtifact> stale;
    for (const Ref& ref : refs_) {
      std::vector<std::string> reasons = reasons_of(ref.artifact);
      if (!reasons.empty()) stale.push_back({fmt::format("{}@{}", ref.name, ref.generation), std::move(reasons)});
    }
    return stale;
  }

 private:
  // Kept per artifact: a graph has far fewer artifacts than paths. A step that changes nothing makes what it read, hence the
  // entry first.
  const std::vector<std::string>& reasons_of(ArtifactId artifact) {
    const auto known = reasons_.find(artifact);
    if (known != reasons_.end()) return known->second;
    std::vector<std::string>& reasons = reasons_[artifact];
    if (const auto run = ledger_.producer(artifact)) {
      if (!registry_.knows(run->op)) {
        reasons.push_back(fmt::format("this program has no step {}", run->op));
      } else if (const int version = registry_.find(run->op).version; version != run->op_version) {
        reasons.push_back(fmt::format("step {} is at version {}, it was made by version {}", run->op, version, run->op_version));
      }
      for (const lineage::RunInput& input : run->inputs) add_input(input, reasons);
    }
    return reasons;
  }

  void add_input(const lineage::RunInput& input, std::vector<std::string>& reasons) {
    if (const std::optional<std::string> moved = moved_name(input.artifact)) {
      reasons.push_back(fmt::format("input {}: {}", input.role, *moved));
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

  lineage::Ledger& ledger_;
  const StepRegistry& registry_;
  const std::vector<Ref> refs_;
  std::map<ArtifactId, std::string> current_;
  std::map<ArtifactId, std::vector<std::string>> reasons_;
};

}  // namespace

std::vector<StaleArtifact> find_stale(lineage::Ledger& ledger, const StepRegistry& registry) {
  return StaleFinder(ledger, registry).find();
}

}  // namespace cairn::steps
