// Runs side by side: their figures, what differs between their configs, and their loss curves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "lineage/metrics.h"

namespace cairn::app {

struct ComparedRun {
  std::string title;  // "base@1 (run 5)"
  std::string state;
  std::map<std::string, std::string> config;  // plain names and values: "optimizer.name" -> "adamw"
  const lineage::RunMetrics* metrics = nullptr;
};

// A run's figures; NaN where it does not tell them.
struct RunFigures {
  double step = 0, tokens = 0;
  double loss = 0, loss_of_last = 0, best = 0;  // of the last step, mean of the last 20, least
  double tokens_per_s = 0, mfu = 0;             // medians
  double seconds = 0;
  double skipped = 0;  // steps left out
};
RunFigures figures_of(const lineage::RunMetrics& metrics);
Json figures_json(const RunFigures& figures);

// Every name whose value is not the same in all runs, with the value of each ("-" where a run has none). Names sorted.
std::map<std::string, std::vector<std::string>> config_differences(const std::vector<ComparedRun>& runs);

// The letter of a run in tables and on its curve: a, b, c, ...
char run_letter(std::size_t index);

// What is printed for people: the table, the differences, the curves (averaged over steps) with their letters.
std::vector<std::string> comparison_lines(const std::vector<ComparedRun>& runs, int width, int height, bool colours);

}  // namespace cairn::app
