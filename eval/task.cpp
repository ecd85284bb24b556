#include "eval/task.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <regex>
#include <set>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "base/utf8.h"
#include "eval/template.h"

namespace cairn::eval {
namespace {

namespace fs = std::filesystem;

std::string utf8_scalar(const YAML::Node& node, const std::string& origin) {
  const std::string& text = node.Scalar();
  if (find_invalid_utf8(text) != std::string::npos) fail_usage("{}: line {}: not UTF-8", origin, node.Mark().line + 1);
  return text;
}

// YAML's core schema: quoted scalars are texts, plain ones may be null, booleans, integers or numbers.
Json scalar_to_json(const YAML::Node& node, const std::string& origin) {
  const std::string text = utf8_scalar(node, origin);
  if (node.Tag() == "!") return text;
  static const std::set<std::string> truths{"true", "True", "TRUE"};
  static const std::set<std::string> falsehoods{"false", "False", "FALSE"};
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (truths.count(text)) return true;
  if (falsehoods.count(text)) return false;
  static const std::regex integer(R"([-+]?[0-9]{1,18})");
  static const std::regex number(R"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)");
  if (std::regex_match(text, integer)) return std::stoll(text);
  if (!std::regex_match(text, number)) return text;
  const double value = std::strtod(text.c_str(), nullptr);
  if (!std::isfinite(value)) fail_usage("{}: line {}: {} is too large a number", origin, node.Mark().line + 1, text);
  return value;
}

Json to_json(const YAML::Node& node, const std::string& origin, int depth = 0) {
  if (depth > 64) fail_usage("{}: nested too deeply", origin);
  if (node.Tag() == "!function") {
    fail_usage("{}: line {}: !function {} is Python code, which Cairn does not run", origin, node.Mark().line + 1, node.Scalar());
  }
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const auto& item : node) list.push_back(to_json(item, origin, depth + 1));
    return list;
  }
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& item : node) object[utf8_scalar(item.first, origin)] = to_json(item.second, origin, depth + 1);
    return object;
  }
  if (node.IsScalar()) return scalar_to_json(node, origin);
  return nullptr;
}

// A file that a task names, which must be one of its folder: only that is an input of the step, with a digest.
fs::path file_inside(const fs::path& folder, const std::string& name, const std::string& origin, const char* key) {
  const fs::path path = fs::path(name).lexically_normal();
  if (path.is_absolute() || path.empty() || *path.begin() == "..")
    fail_usage("{}: {}: expected a file of the tasks' folder, found '{}'", origin, key, name);
  return folder / path;
}

Json load_yaml(const fs::path& path, int depth = 0) {
  if (depth > 16) fail_usage("{}: includes go in a circle", path.string());
  Json config;
  try {
    config = to_json(YAML::Load(read_file(path)), path.string());
  } catch (const YAML::Exception& error) {
    fail_usage("{}: line {}: {}", path.string(), error.mark.line + 1, error.msg);
  }
  if (!config.is_object()) fail_usage("{}: expected a mapping of task keys", path.string());
  const auto include = config.find("include");
  if (include == config.end()) return config;
  if (!include->is_string()) fail_usage("{}: include: expected a file name", path.string());
  Json merged =
      load_yaml(file_inside(path.parent_path(), include->get<std::string>(), path.filename().string(), "include"), depth + 1);
  config.erase("include");
  for (auto& [key, value] : config.items()) merged[key] = value;
  return merged;
}

// Typed reading of the task's keys, with errors that name file and key.
class Keys {
 public:
  Keys(const Json& config, std::string origin) : config_(config), origin_(std::move(origin)) {}

  bool has(const std::string& key) const { return config_.contains(key) && !config_[key].is_null(); }
  std::string text(const std::string& key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    const Json& value = config_[key];
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number()) return value.dump();
    wrong(key, "a text");
  }
  int integer(const std::string& key, int otherwise) const {
    if (!has(key)) return otherwise;
    if (!config_[key].is_number_integer()) wrong(key, "an integer");
    const auto value = config_[key].get<std::int64_t>();
    if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) wrong(key, "an integer of 32 bits");
    return static_cast<int>(value);
  }
  bool boolean(const std::string& key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!config_[key].is_boolean()) wrong(key, "true or false");
    return config_[key].get<bool>();
  }
  std::vector<std::string> texts(const std::string& key) const {
    if (!has(key)) return {};
    const Json& value = config_[key];
    if (value.is_string()) return {value.get<std::string>()};
    std::vector<std::string> out;
    if (!value.is_array()) wrong(key, "a text or a list of texts");
    for (const Json& item : value) {
      if (item.is_string())
        out.push_back(item.get<std::string>());
      else if (item.is_number())
        out.push_back(item.dump());
      else
        wrong(key, "a list of texts");
    }
    return out;
  }
  std::vector<Keys> objects(const std::string& key) const {
    std::vector<Keys> out;
    if (!has(key)) return out;
    if (!config_[key].is_array()) wrong(key, "a list");
    for (const Json& item : config_[key]) {
      if (!item.is_object()) wrong(key, "a list of mappings");
      out.emplace_back(item, origin_ + ": " + key);
    }
    return out;
  }
  Keys object(const std::string& key) const {
    static const Json nothing = Json::object();
    if (!has(key)) return Keys(nothing, origin_ + ": " + key);
    if (!config_[key].is_object()) wrong(key, "a mapping");
    return Keys(config_[key], origin_ + ": " + key);
  }
  const Json& json() const { return config_; }
  const std::string& origin() const { return origin_; }
  [[noreturn]] void wrong(const std::string& key, const std::string& expected) const {
    fail_usage("{}: {}: expected {}, found {}", origin_, key, expected, config_[key].dump());
  }

 private:
  const Json& config_;
  std::string origin_;
};

OutputType output_type(const Keys& keys) {
  const std::string name = keys.text("output_type", "generate_until");
  if (name == "multiple_choice") return OutputType::multiple_choice;
  if (name == "generate_until") return OutputType::generate_until;
  if (name == "loglikelihood") return OutputType::loglikelihood;
  if (name == "loglikelihood_rolling") return OutputType::loglikelihood_rolling;
  const std::string near = nearest_name(name, {"multiple_choice", "generate_until", "loglikelihood", "loglikelihood_rolling"});
  fail_usage("{}: output_type: '{}' is not supported.{}", keys.origin(), name,
             near.empty() ? "" : " Did you mean '" + near + "'?");
}

std::vector<MetricSpec> metrics(const Keys& keys, OutputType type) {
  static const std::map<OutputType, std::vector<std::string>> known = {
      {OutputType::multiple_choice, {"acc", "acc_norm", "acc_bytes", "exact_match"}},
      {OutputType::generate_until, {"exact_match"}},
      {OutputType::loglikelihood, {"acc", "perplexity"}},
      {OutputType::loglikelihood_rolling, {"word_perplexity", "byte_perplexity", "bits_per_byte"}}};
  static const std::map<OutputType, std::vector<std::string>> usual = {
      {OutputType::multiple_choice, {"acc", "acc_norm"}},
      {OutputType::generate_until, {"exact_match"}},
      {OutputType::loglikelihood, {"perplexity", "acc"}},
      {OutputType::loglikelihood_rolling, {"word_perplexity", "byte_perplexity", "bits_per_byte"}}};
  const auto lower_is_better = [](const std::string& name) {
    return name.find("perplexity") != std::string::npos || name == "bits_per_byte";
  };
  std::vector<MetricSpec> out;
  for (const Keys& entry : keys.objects("metric_list")) {
    MetricSpec metric;
    metric.name = entry.text("metric", "");
    const auto& names = known.at(type);
    if (std::find(names.begin(), names.end(), metric.name) == names.end()) {
      fail_usage("{}: metric '{}' is not supported for this output_type (known: {})", entry.origin(), metric.name,
                 fmt::format("{}", fmt::join(names, ", ")));
    }
    metric.higher_is_better = entry.boolean("higher_is_better", !lower_is_better(metric.name));
    metric.ignore_case = entry.boolean("ignore_case", false);
    metric.ignore_punctuation = entry.boolean("ignore_punctuation", false);
    metric.ignore_numbers = entry.boolean("ignore_numbers", false);
    metric.regexes_to_ignore = entry.texts("regexes_to_ignore");
    out.push_back(std::move(metric));
  }
  if (out.empty()) {
    for (const std::string& name : usual.at(type)) {
      MetricSpec metric;
      metric.name = name;
      metric.higher_is_better = !lower_is_better(name);
      out.push_back(std::move(metric));
    }
  }
  return out;
}

std::vector<FilterChain> filters(const Keys& keys) {
  std::vector<FilterChain> out;
  for (const Keys& entry : keys.objects("filter_list")) {
    FilterChain chain;
    chain.name = entry.text("name", "none");
    for (const Keys& step : entry.objects("filter")) {
      FilterSpec filter;
      filter.function = step.text("function", "");
      static const std::vector<std::string> known{"regex", "take_first", "lowercase", "uppercase", "remove_whitespace"};
      if (std::find(known.begin(), known.end(), filter.function) == known.end()) {
        fail_usage("{}: filter '{}' is not supported (known: {})", step.origin(), filter.function,
                   fmt::format("{}", fmt::join(known, ", ")));
      }
      filter.pattern = step.text("regex_pattern", R"(#### (\-?[0-9\.\,]+))");
      filter.group_select = step.integer("group_select", 0);
      filter.fallback = step.text("fallback", "[invalid]");
      chain.steps.push_back(std::move(filter));
    }
    out.push_back(std::move(chain));
  }
  if (out.empty()) out.push_back(FilterChain{"none", {FilterSpec{"take_first", "", 0, ""}}});
  return out;
}

Json load_documents(const fs::path& path) {
  const std::string bytes = read_file(path);
  if (path.extension() == ".json") {
    Json whole = parse_json(bytes, path.string());
    if (!whole.is_array()) fail_usage("{}: expected a list of documents", path.string());
    return whole;
  }
  Json documents = Json::array();
  std::size_t begin = 0;
  for (std::size_t line = 1; begin < bytes.size(); ++line) {
    std::size_t end = bytes.find('\n', begin);
    if (end == std::string::npos) end = bytes.size();
    const std::string_view text = std::string_view(bytes).substr(begin, end - begin);
    if (text.find_first_not_of(" \t\r") != std::string_view::npos) {
      documents.push_back(parse_json(text, fmt::format("{}: line {}", path.string(), line)));
      if (!documents.back().is_object()) fail_usage("{}: line {}: expected an object", path.string(), line);
    }
    begin = end + 1;
  }
  return documents;
}

struct Splits {
  std::optional<std::string> test, validation, training, fewshot;
};

std::optional<std::string> split_name(const Keys& keys, const std::string& key) {
  if (!keys.has(key)) return std::nullopt;
  return keys.text(key, "");
}

Json load_split(const Keys& keys, const std::string& split, const fs::path& root) {
  const Keys files = keys.object("dataset_kwargs").object("data_files");
  if (!files.has(split)) fail_usage("{}: dataset_kwargs.data_files has no file for the split '{}'", keys.origin(), split);
  Json documents = Json::array();
  for (const std::string& file : files.texts(split)) {
    for (Json& document : load_documents(file_inside(root, file, keys.origin(), "dataset_kwargs.data_files")))
      documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace

Task load_task(const fs::path& yaml, const fs::path& data_root, int num_fewshot) {
  Task task;
  task.config = std::make_shared<const Json>(load_yaml(yaml));
  const Keys keys(*task.config, yaml.filename().string());
  for (const char* key : {"process_docs", "process_results", "custom_dataset"}) {
    if (keys.has(key)) fail_usage("{}: {} needs Python code, which Cairn does not run", keys.origin(), key);
  }
  task.name = keys.text("task", "");
  if (task.name.empty()) fail_usage("{}: 'task' is missing", keys.origin());
  task.alias = keys.text("task_alias", task.name);
  task.group = keys.text("group", "");
  task.output_type = output_type(keys);
  task.text = keys.text("doc_to_text", "");
  task.target = keys.text("doc_to_target", "");
  if (keys.has("doc_to_choice") && (*task.config)["doc_to_choice"].is_array()) {
    task.choice_list = keys.texts("doc_to_choice");
  } else {
    task.choice = keys.text("doc_to_choice", "");
  }
  if (task.output_type == OutputType::multiple_choice && task.choice.empty() && task.choice_list.empty()) {
    fail_usage("{}: doc_to_choice is missing (output_type multiple_choice)", keys.origin());
  }
  task.description = keys.text("description", "");
  task.target_delimiter = keys.text("target_delimiter", " ");
  task.fewshot_delimiter = keys.text("fewshot_delimiter", "\n\n");

  task.num_fewshot = keys.integer("num_fewshot", 0);
  const bool pinned_to_zero = keys.has("num_fewshot") && task.num_fewshot == 0;
  if (num_fewshot >= 0 && !pinned_to_zero) task.num_fewshot = num_fewshot;
  task.sampler = keys.object("fewshot_config").text("sampler", "default");
  if (task.sampler != "default" && task.sampler != "first_n") {
    fail_usage("{}: fewshot_config.sampler: '{}' is not supported (known: default, first_n)", keys.origin(), task.sampler);
  }

  const Keys generation = keys.object("generation_kwargs");
  task.until = generation.has("until") ? generation.texts("until") : std::vector<std::string>{task.fewshot_delimiter};
  for (const char* key : {"max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"}) {
    if (generation.has(key)) {
      task.max_tokens = generation.integer(key, 256);
      break;
    }
  }
  if (generation.boolean("do_sample", false))
    fail_usage("{}: generation_kwargs.do_sample: only greedy generation is supported", keys.origin());
  task.filters = filters(keys);
  task.metrics = metrics(keys, task.output_type);

  const Keys metadata = keys.object("metadata");
  task.version = metadata.text("version", "0");
  task.licence = metadata.text("licence", "");
  if (metadata.has("random_baseline")) {
    const Json& baseline = metadata.json()["random_baseline"];
    if (!baseline.is_number()) metadata.wrong("random_baseline", "a number");
    task.random_baseline = baseline.get<double>();
  }

  const Splits splits{split_name(keys, "test_split"), split_name(keys, "validation_split"), split_name(keys, "training_split"),
                      split_name(keys, "fewshot_split")};
  if (!splits.test && !splits.validation) fail_usage("{}: neither test_split nor validation_split is given", keys.origin());
  const fs::path root = data_root.empty() ? yaml.parent_path() : data_root;
  task.documents = std::make_shared<const Json>(load_split(keys, splits.test ? *splits.test : *splits.validation, root));
  if (task.documents->empty()) fail_usage("{}: no documents in its test data", keys.origin());
  task.shots = std::make_shared<const Json>(Json::array());
  if (task.num_fewshot > 0) {
    const auto pool = splits.fewshot      ? splits.fewshot
                      : splits.training   ? splits.training
                      : splits.validation ? splits.validation
                                          : splits.test;
    task.shots = std::make_shared<const Json>(load_split(keys, *pool, root));
    task.exclude_query = splits.fewshot == splits.test;  // as configured values, "none" equals "none" (spec/evaluation.md §2.3)
  }
  return task;
}

Json field_value(const std::string& field, const Json& document, const std::string& origin) {
  const auto column = document.find(field);
  if (column != document.end()) return *column;
  return render(field, document, origin);
}

}  // namespace cairn::eval
