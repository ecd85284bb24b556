#include "eval/results.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/utf8.h"

namespace cairn::eval {
namespace {

const char* output_type_name(OutputType type) {
  switch (type) {
    case OutputType::multiple_choice:
      return "multiple_choice";
    case OutputType::generate_until:
      return "generate_until";
    case OutputType::loglikelihood:
      return "loglikelihood";
    case OutputType::loglikelihood_rolling:
      return "loglikelihood_rolling";
  }
  return "";
}

Json arguments_of(const TaskResult& result, const Sample& sample) {
  Json arguments = Json::object();
  for (std::size_t i = 0; i < sample.requests.size(); ++i) {
    const Request& request = sample.requests[i];
    Json argument = Json::object();
    if (result.task.output_type == OutputType::loglikelihood_rolling) {
      argument["arg_0"] = request.continuation;
    } else {
      argument["arg_0"] = request.context;
      if (result.task.output_type == OutputType::generate_until) {
        argument["arg_1"] = {
            {"until", result.task.until}, {"max_gen_toks", result.task.max_tokens}, {"do_sample", false}, {"temperature", 0.0}};
      } else {
        argument["arg_1"] = request.continuation;
      }
    }
    arguments["gen_args_" + std::to_string(i)] = std::move(argument);
  }
  return arguments;
}

Json responses_of(const TaskResult& result, const Sample& sample) {
  Json responses = Json::array();
  for (const Response& response : sample.responses) {
    switch (result.task.output_type) {
      case OutputType::generate_until:
        responses.push_back(Json::array({response.text}));
        break;
      case OutputType::loglikelihood_rolling:
        responses.push_back(Json::array({response.likelihood.sum}));
        break;
      default:
        responses.push_back(Json::array({Json::array({response.likelihood.sum, response.likelihood.greedy})}));
    }
  }
  return responses;
}

}  // namespace

std::vector<Json> samples_json(const TaskResult& result) {
  std::vector<Json> out;
  for (const Sample& sample : result.samples) {
    const Json& document = (*result.task.documents)[static_cast<std::size_t>(sample.document)];
    Json line = {{"doc_id", sample.document},
                 {"doc", document},
                 {"target", sample.target},
                 {"arguments", arguments_of(result, sample)},
                 {"resps", responses_of(result, sample)},
                 {"filter", sample.filter},
                 {"doc_hash", sha256(pretty_json(document)).hex()},
                 {"prompt_hash", sha256(sample.requests[0].context).hex()},
                 {"target_hash", sha256(sample.target).hex()}};
    if (result.task.output_type == OutputType::generate_until) {
      line["filtered_resps"] = Json::array({sample.filtered});
    } else {
      Json filtered = Json::array();
      for (const Json& response : line["resps"]) filtered.push_back(response[0]);
      line["filtered_resps"] = std::move(filtered);
    }
    Json names = Json::array();
    for (const auto& [name, value] : sample.metrics) {
      names.push_back(name);
      line[name] = value;
    }
    line["metrics"] = std::move(names);
    out.push_back(std::move(line));
  }
  return out;
}

Json results_json(const EvaluatedModel& model, const std::vector<TaskResult>& results, const RunOptions& options,
                  std::int64_t started) {
  Json out = {{"results", Json::object()},   {"group_subtasks", Json::object()}, {"configs", Json::object()},
              {"versions", Json::object()},  {"n-shot", Json::object()},         {"higher_is_better", Json::object()},
              {"n-samples", Json::object()}, {"task_hashes", Json::object()},    {"date", static_cast<double>(started) / 1e6}};
  Json close_calls = Json::object();
  for (const TaskResult& result : results) {
    const Task& task = result.task;
    Json values = {{"name", task.name}, {"alias", task.alias}, {"sample_len", result.documents}};
    Json better = Json::object();
    for (const Value& value : result.values) {
      values[value.metric + "," + value.filter] = value.value;
      values[value.metric + "_stderr," + value.filter] = value.standard_error ? Json(*value.standard_error) : Json("N/A");
      better[value.metric] = value.higher_is_better;
    }
    std::string hashes;
    for (const Json& line : samples_json(result)) {
      hashes +=
          line["doc_hash"].get<std::string>() + line["prompt_hash"].get<std::string>() + line["target_hash"].get<std::string>();
    }
    Json config = *task.config;
    config["output_type"] = output_type_name(task.output_type);
    out["results"][task.name] = std::move(values);
    out["higher_is_better"][task.name] = std::move(better);
    out["configs"][task.name] = std::move(config);
    out["versions"][task.name] = task.version;
    out["n-shot"][task.name] = task.num_fewshot;
    out["n-samples"][task.name] = {{"original", task.documents->size()}, {"effective", result.documents}};
    out["task_hashes"][task.name] = sha256(hashes).hex();
    if (!task.group.empty()) out["group_subtasks"][task.group].push_back(task.name);
    if (task.output_type == OutputType::multiple_choice) close_calls[task.name] = result.close_calls;
  }
  out["config"] = {{"model", "cairn"},
                   {"model_args", "pretrained=" + model.name},
                   {"model_num_parameters", model.parameters},
                   {"model_dtype", model.dtype == Dtype::bf16 ? "torch.bfloat16" : "torch.float32"},
                   {"model_sha", model.digest.hex()},
                   {"batch_size", 1},
                   {"device", "cpu"},
                   {"limit", options.limit > 0 ? Json(options.limit) : Json(nullptr)},
                   {"bootstrap_iters", 0},
                   {"gen_kwargs", nullptr},
                   {"random_seed", 0},
                   {"numpy_seed", 1234},
                   {"torch_seed", 1234},
                   {"fewshot_seed", options.fewshot_seed}};
  out["model_source"] = "cairn";
  out["model_name"] = model.name;
  out["max_length"] = model.max_length;
  out["cairn"] = {{"model_digest", "sha256:" + model.digest.hex()},
                  {"close_calls", std::move(close_calls)},
                  {"softmax", "float32 logits, float64 sums"}};
  return out;
}

std::string markdown_table(const std::vector<TaskResult>& results) {
  std::vector<std::vector<std::string>> rows{{"Tasks", "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr"}};
  for (const TaskResult& result : results) {
    bool first = true;
    for (const Value& value : result.values) {
      rows.push_back({first ? result.task.alias : "", first ? result.task.version : "", value.filter,
                      std::to_string(result.task.num_fewshot), value.metric, value.higher_is_better ? "↑" : "↓",
                      fmt::format("{:.4f}", value.value), "±",
                      value.standard_error ? fmt::format("{:.4f}", *value.standard_error) : "N/A"});
      first = false;
    }
  }
  const auto width_of = [](const std::string& cell) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < cell.size();) {
      const CodePoint point = decode_utf8(cell, at);
      width += static_cast<std::size_t>(display_width(point.value));
      at += static_cast<std::size_t>(std::max(point.bytes, 1));
    }
    return width;
  };
  std::vector<std::size_t> widths(rows[0].size(), 1);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < rows[r].size(); ++i) out += "|" + rows[r][i] + std::string(widths[i] - width_of(rows[r][i]), ' ');
    out += "|\n";
    if (r == 0) {
      for (const std::size_t width : widths) out += "|" + std::string(width, '-');
      out += "|\n";
    }
  }
  return out;
}

}  // namespace cairn::eval
