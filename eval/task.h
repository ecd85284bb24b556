// Evaluation tasks as lm-evaluation-harness writes them in YAML, and their documents (spec/evaluation.md §2.1).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json_fwd.h"

namespace cairn::eval {

enum class OutputType { multiple_choice, generate_until, loglikelihood, loglikelihood_rolling };

struct MetricSpec {
  std::string name;  // acc, acc_norm, acc_bytes, exact_match, perplexity, word_perplexity, byte_perplexity, bits_per_byte
  bool higher_is_better = true;
  bool ignore_case = false;  // exact_match only, as are those below
  bool ignore_punctuation = false;
  bool ignore_numbers = false;
  std::vector<std::string> regexes_to_ignore;
};

struct FilterSpec {
  std::string function;  // regex, take_first, lowercase, uppercase, remove_whitespace
  std::string pattern;   // regex
  int group_select = 0;
  std::string fallback = "[invalid]";
};

struct FilterChain {
  std::string name = "none";
  std::vector<FilterSpec> steps;
};

struct Task {
  std::string name, alias, group;
  OutputType output_type = OutputType::generate_until;
  std::string text, choice, target;      // doc_to_*: a column's name or a template; choice empty = none
  std::vector<std::string> choice_list;  // doc_to_choice given as a list of templates
  std::string description;
  std::string target_delimiter = " ";
  std::string fewshot_delimiter = "\n\n";
  int num_fewshot = 0;
  std::string sampler = "default";  // or first_n
  bool exclude_query = false;       // few-shot pool and test split are the same by configuration
  std::vector<std::string> until;
  int max_tokens = 256;
  std::vector<FilterChain> filters;
  std::vector<MetricSpec> metrics;
  std::string version = "0";
  std::string licence;                    // metadata.licence, when the file says so
  double random_baseline = -1;            // metadata.random_baseline, for reports; -1 = unknown
  std::shared_ptr<const Json> config;     // the whole file, includes merged
  std::shared_ptr<const Json> documents;  // array: the test split, else validation
  std::shared_ptr<const Json> shots;      // array: the few-shot pool; empty when num_fewshot is 0
};

// Loads a task file. `include` merges another file under this one; data files are JSONL (or a JSON array), relative to
// `data_root`, or to the task file's folder when `data_root` is empty. What Cairn does not support is refused by name (Python
// functions, statements in templates, unknown metrics). `num_fewshot` >= 0 overrides the file's, except a 0 that the file states.
Task load_task(const std::filesystem::path& yaml, const std::filesystem::path& data_root = {}, int num_fewshot = -1);

// A column's name means that column; otherwise the text is a template. Text fields are returned rendered; columns as they are.
Json field_value(const std::string& field, const Json& document, const std::string& origin);

}  // namespace cairn::eval
