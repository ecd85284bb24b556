// How verbs show runs and artifacts: the same words everywhere.
#pragma once

#include <string>

#include "base/json_fwd.h"
#include "lineage/ledger.h"

namespace cairn::steps {
struct StepResult;
struct PipelineStep;
}  // namespace cairn::steps

namespace cairn::app {

// "base@3" where a name means the artifact now, "base@2" where one did; else its digest's first letters.
std::string artifact_label(const lineage::Ledger& ledger, lineage::ArtifactId artifact);

Json artifact_json(const lineage::Ledger& ledger, const lineage::Artifact& artifact);
Json run_json(const lineage::Ledger& ledger, const lineage::Run& run);

// One line for a step that is done, to standard output: "clean      4,931 documents, 24.1 MB     12.3s   clean@2".
void print_step_result(const steps::StepResult& result, std::size_t name_width);
Json step_result_json(const lineage::Ledger& ledger, const steps::StepResult& result);

}  // namespace cairn::app
