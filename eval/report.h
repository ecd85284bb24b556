// The evaluation report: one self-contained HTML file that opens from disk, light and dark, and prints well. No scripts, no
// external files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/plot.h"
#include "eval/results.h"

namespace cairn::eval {

struct ModelResults {
  EvaluatedModel model;
  std::vector<TaskResult> results;  // the same tasks in the same order for every model
};

struct ReportFacts {
  std::string title;
  std::vector<std::pair<std::string, std::string>> identity;  // shown as a table: "model base", "sha256:..."
  std::vector<Curve> training;                                // loss by step, per checkpoint; may be empty
};

// The style sheet that reports and the charts of plot.h use.
std::string_view report_style();

std::string html_report(const ReportFacts& facts, const std::vector<ModelResults>& models);

}  // namespace cairn::eval
