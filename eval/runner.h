// Runs a task on a language model: contexts, requests, responses, filters, metrics (spec/evaluation.md §2.2-2.7).
//
// Everything after the responses is a pure function of them, so a result can be scored again without the model.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "eval/language_model.h"
#include "eval/task.h"

namespace cairn::eval {

struct Request {
  std::string context;
  std::string continuation;  // empty for generation; the whole text for rolling
};

struct Response {
  Loglikelihood likelihood;  // all but generation
  std::string text;          // generation
};

// One document (and, for generation, one filter): what was asked, answered and measured.
struct Sample {
  std::int64_t document = 0;  // index in the split
  std::string filter = "none";
  std::vector<Request> requests;
  std::vector<Response> responses;
  std::vector<std::string> choices;       // multiple choice
  std::int64_t gold = -1;                 // multiple choice: index; -1 when out of range, which counts as wrong
  std::string target;                     // as text
  std::string filtered;                   // generation: what the filter left
  std::map<std::string, double> metrics;  // per document; rolling keeps "nll", "words", "bytes"
};

struct Value {
  std::string metric, filter;
  double value = 0;
  std::optional<double> standard_error;  // sample standard deviation / sqrt(n) of means; none where the harness says N/A
  bool higher_is_better = true;
};

struct TaskResult {
  Task task;
  std::vector<Sample> samples;
  std::vector<Value> values;
  std::int64_t documents = 0;    // that took part
  std::int64_t close_calls = 0;  // multiple choice: best and second within 1e-3, where rounding may decide
};

struct RunOptions {
  std::int64_t limit = 0;  // first n documents; 0 = all
  std::uint64_t fewshot_seed = 1234;
  // Progress, stop: when a document is answered; of texts that are generated together, when each is done.
  std::function<void()> after_document;
};

TaskResult run_task(const Task& task, LanguageModel& model, const RunOptions& options);

// The few-shot part and the query of each document, in order, as the harness writes them.
std::vector<std::string> contexts(const Task& task, std::int64_t documents, std::uint64_t fewshot_seed);

}  // namespace cairn::eval
