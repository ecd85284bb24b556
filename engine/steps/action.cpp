#include "engine/steps/action.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/steps/adopt.h"
#include "engine/steps/executor.h"
#include "engine/steps/external.h"

namespace cairn::steps {
namespace {

int determinism_level(Exactness exactness) {
  switch (exactness) {
    case Exactness::everywhere:
      return 3;
    case Exactness::within_class:
      return 1;
    case Exactness::none:
      return 0;
  }
  return 0;
}

class ActionMaker {
 public:
  ActionMaker(lineage::Workspace& workspace, const ExecutorSettings& settings, const PipelineStep& step,
              const OutputLookup& lookup, Adopting adopting, std::int64_t now)
      : workspace_(workspace), settings_(settings), step_(step), lookup_(lookup), adopting_(adopting), now_(now) {}

  Action make() {
    describe();
    for (const auto& [role, wires] : step_.inputs) {
      for (const Wire& wire : wires) add_wire(role, wire);
    }
    if (step_.spec->externals) {
      for (const External& external : step_.spec->externals(Config(step_.config, step_.name + ": config")))
        add_external(external);
    }
    if (all_known_) action_.key = lineage::action_key(lineage::recipe_key(action_.run, digests_), action_.run.determinism_class);
    return std::move(action_);
  }

 private:
  void describe() {
    lineage::NewRun& run = action_.run;
    run.op = step_.spec->name;
    run.op_version = step_.spec->version;
    run.config = canonical_json(step_.config);
    run.runtime = canonical_json(step_.runtime);
    run.seed = step_.seed;
    run.determinism = determinism_level(step_.spec->exactness);
    if (step_.spec->exactness == Exactness::within_class && settings_.determinism_class.empty())
      fail("{}: step {} needs a determinism class", step_.name, run.op);
    run.determinism_class = step_.spec->determinism_class(settings_.determinism_class, step_.runtime);
    run.environment = step_.spec->environment(settings_.environment, step_.runtime);
    run.code = settings_.code;
    run.revision = settings_.revision;
  }

  std::string place(const std::string& role) const { return step_.name + ": inputs." + role; }

  void add_wire(const std::string& role, const Wire& wire) {
    if (!wire.step.empty()) {
      // Its kind was checked when the pipeline was read: the same bytes may be known as another kind from before.
      if (const auto made = lookup_(wire)) return open(role, workspace_.ledger().artifact(*made), wire.text);
      all_known_ = false;
      return;
    }
    if (names_path(wire.text)) return add_external({.role = role, .path = wire.text, .globs = {}});
    const lineage::Artifact artifact = resolve(role, wire);
    if (const InputSpec* declared = step_.spec->find_input(role)) check_kind(*declared, artifact.kind, wire.text, place(role));
    open(role, artifact, wire.text);
  }

  lineage::Artifact resolve(const std::string& role, const Wire& wire) const {
    try {
      return workspace_.ledger().resolve(wire.text);
    } catch (const Error& error) {
      const std::string hint = wire.hint.empty() ? "" : ". Did you mean the step's output '" + wire.hint + "'?";
      throw Error(fmt::format("{}: {}{}", place(role), error.what(), hint), error.code());
    }
  }

  void open(const std::string& role, const lineage::Artifact& artifact, const std::string& label) {
    try {
      push(role, artifact.id, open_artifact(workspace_, artifact, label, settings_.threads));
    } catch (const Error& error) {
      throw Error(fmt::format("{}: {}", place(role), error.what()), error.code());
    }
  }

  void add_external(const External& external) {
    const InputSpec* declared = step_.spec->find_input(external.role);
    const std::string kind = declared && declared->kind != "any" ? declared->kind : "raw";
    const fs::path path = fs::path(external.path).is_absolute() ? fs::path(external.path) : step_.folder / external.path;
    const AdoptedFiles files = read_outside_files(path, external.globs, settings_.threads);
    std::optional<lineage::ArtifactId> id;
    if (adopting_ == Adopting::yes) {
      id =
          workspace_.ledger().adopt(files.content, kind, path_from(workspace_.folder(), path), lineage::Trust::unknown, "", now_);
    } else if (const auto known = workspace_.ledger().artifact_by_digest(files.content.digest)) {
      id = known->id;
    } else {
      all_known_ = false;
    }
    push(external.role, id, {fs::absolute(path), files.content.digest, kind, external.path, files.members});
  }

  void push(const std::string& role, std::optional<lineage::ArtifactId> id, StepInput input) {
    std::vector<StepInput>& given = action_.inputs[role];
    if (id) {
      action_.run.inputs.push_back({role, static_cast<int>(given.size()), *id});
      digests_[*id] = input.digest;
    }
    given.push_back(std::move(input));
  }

  lineage::Workspace& workspace_;
  const ExecutorSettings& settings_;
  const PipelineStep& step_;
  const OutputLookup& lookup_;
  const Adopting adopting_;
  const std::int64_t now_;
  Action action_;
  std::map<lineage::ArtifactId, Digest> digests_;
  bool all_known_ = true;
};

bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Action make_action(lineage::Workspace& workspace, const ExecutorSettings& settings, const PipelineStep& step,
                   const OutputLookup& lookup, Adopting adopting, std::int64_t now) {
  return ActionMaker(workspace, settings, step, lookup, adopting, now).make();
}

StepInput open_artifact(lineage::Workspace& workspace, const lineage::Artifact& artifact, const std::string& label,
                        ThreadPool* threads) {
  StepInput input{workspace.path_of(artifact.id), artifact.digest, artifact.kind, label, {}};
  if (lies_in(input.path, workspace.folder() / "objects")) return input;
  lineage::Content now;
  if (artifact.is_tree) {
    for (const lineage::TreeEntry& entry : workspace.ledger().tree_entries(artifact.id)) {
      if (!fs::exists(input.path / entry.path))
        fail("'{}' was adopted in place and {} is gone", label, (input.path / entry.path).string());
      input.files.push_back(entry.path);
    }
    now = lineage::hash_members(input.path, input.files, threads);
  } else {
    now = lineage::hash_content(input.path, threads);
  }
  if (now.digest != artifact.digest) {
    fail("'{}' was adopted in place and {} has changed since: recorded {}, found {}; adopt it again", label, input.path.string(),
         artifact.digest.short_hex(), now.digest.short_hex());
  }
  return input;
}

}  // namespace cairn::steps
