// Results as lm-evaluation-harness writes them (spec/evaluation.md §2.8), with one more top-level key, "cairn", for what it has
// no place for.
#pragma once

#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json_fwd.h"
#include "eval/runner.h"
#include "kernels/tensor.h"

namespace cairn::eval {

struct EvaluatedModel {
  std::string name;  // as shown: "base", "chat"
  Digest digest;     // of the model artifact the numbers belong to
  std::int64_t parameters = 0;
  std::int64_t max_length = 0;
  Dtype dtype = Dtype::f32;  // that it was evaluated in
};

// results_*.json: results, configs, versions, n-shot, higher_is_better, n-samples, config, task_hashes, cairn{model_digest,
// close_calls}.
Json results_json(const EvaluatedModel& model, const std::vector<TaskResult>& results, const RunOptions& options,
                  std::int64_t started);

// samples_<task>.jsonl: one object per document and filter.
std::vector<Json> samples_json(const TaskResult& result);

// The harness's console table, as aligned Markdown.
std::string markdown_table(const std::vector<TaskResult>& results);

}  // namespace cairn::eval
