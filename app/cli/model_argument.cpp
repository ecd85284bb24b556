#include "app/cli/model_argument.h"

#include "base/error.h"
#include "lineage/workspace.h"

namespace cairn::app {

ModelArgument find_model(Session& session, const std::string& text) {
  const std::filesystem::path path(text);
  if (std::filesystem::exists(path / "config.json")) {
    return {path, std::filesystem::weakly_canonical(path).filename().string(), ""};
  }
  if (std::filesystem::is_directory(path)) fail_usage("{}: no config.json in this folder: not a model", text);
  lineage::Workspace& workspace = session.workspace_for_reading();
  const lineage::Artifact artifact = workspace.ledger().resolve(text);
  if (artifact.kind != "model" && artifact.kind != "checkpoint") {
    fail_usage("'{}' is an artifact of kind {}; a model is made by `cairn export`", text, artifact.kind);
  }
  return {workspace.path_of(artifact.id), text, "sha256:" + artifact.digest.hex()};
}

Dtype model_dtype(const std::string& text) {
  if (text == "f32") return Dtype::f32;
  if (text == "bf16") return Dtype::bf16;
  fail_usage("--dtype: expected f32 or bf16, found '{}'", text);
}

}  // namespace cairn::app
