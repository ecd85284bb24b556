#include "eval/runner.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "eval/filters.h"
#include "eval/metrics.h"
#include "eval/python_random.h"
#include "eval/template.h"

namespace cairn::eval {
namespace {

bool all_digits(const std::string& text) {
  return !text.empty() && text.size() < 10 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string as_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string document_text(const Task& task, const Json& document) {
  const Json text = field_value(task.text, document, task.name + ": doc_to_text");
  if (text.is_number())
    fail_usage("{}: doc_to_text gives a number (several contexts, one target), which is not supported", task.name);
  return as_text(text);
}

std::vector<std::string> document_choices(const Task& task, const Json& document) {
  const std::string origin = task.name + ": doc_to_choice";
  std::vector<std::string> choices;
  if (!task.choice_list.empty()) {
    for (const std::string& choice : task.choice_list) choices.push_back(render(choice, document, origin));
    return choices;
  }
  if (task.choice.empty()) return choices;
  Json value = field_value(task.choice, document, origin);
  if (value.is_string()) value = parse_python_list(value.get<std::string>(), origin);
  if (!value.is_array() || value.empty()) fail_usage("{}: expected a list of choices, found {}", origin, value.dump());
  for (const Json& choice : value) choices.push_back(as_text(choice));
  return choices;
}

// The target as the harness reads it: digits with choices are an index, a rendered list is a list, else text.
Json document_target(const Task& task, const Json& document) {
  const std::string origin = task.name + ": doc_to_target";
  Json target = field_value(task.target, document, origin);
  if (!target.is_string() || document.contains(task.target)) return target;
  const std::string text = target.get<std::string>();
  if (all_digits(text) && (!task.choice.empty() || !task.choice_list.empty())) return std::stoll(text);
  if (text.size() > 1 && text.front() == '[' && text.back() == ']') return parse_python_list(text, origin);
  return target;
}

std::string shot_answer(const Task& task, const Json& document) {
  const Json target = document_target(task, document);
  if (target.is_number_integer()) {
    const auto choices = document_choices(task, document);
    const auto index = target.get<std::int64_t>();
    if (!choices.empty()) {
      if (index < 0 || index >= static_cast<std::int64_t>(choices.size()))
        fail_usage("{}: target {} is not one of {} choices", task.name, index, choices.size());
      return choices[static_cast<std::size_t>(index)];
    }
  }
  if (target.is_array()) return target.empty() ? "" : as_text(target[0]);
  return as_text(target);
}

std::vector<const Json*> draw_shots(const Task& task, const Json& query, PythonRandom& random) {
  const Json& pool = *task.shots;
  const auto size = static_cast<std::int64_t>(pool.size());
  const std::int64_t wanted = task.num_fewshot;
  std::vector<const Json*> shots;
  if (task.sampler == "first_n") {
    for (const Json& document : pool) {
      if (static_cast<std::int64_t>(shots.size()) == wanted) break;
      if (!task.exclude_query || document != query) shots.push_back(&document);
    }
  } else {
    const std::int64_t drawn = wanted + (task.exclude_query ? 1 : 0);
    if (drawn > size) fail_usage("{}: {} shots asked for, the pool has {} documents", task.name, wanted, size);
    for (const std::int64_t index : random.sample(size, drawn)) {
      const Json& document = pool[static_cast<std::size_t>(index)];
      if (task.exclude_query && document == query) continue;
      if (static_cast<std::int64_t>(shots.size()) < wanted) shots.push_back(&document);
    }
  }
  if (static_cast<std::int64_t>(shots.size()) < wanted)
    fail_usage("{}: {} shots asked for, the pool has {} documents", task.name, wanted, size);
  return shots;
}

constexpr std::size_t kGenerated = 64;  // texts that are asked for at once

// All but generation.
void ask(const Task& task, LanguageModel& model, const Json& document, const std::string& context, Sample& sample) {
  if (task.output_type == OutputType::loglikelihood_rolling) {
    const std::string text = as_text(document_target(task, document));
    sample.requests = {{"", text}};
    sample.responses = {{model.rolling(text), ""}};
    return;
  }
  std::vector<std::string> continuations;
  if (task.output_type == OutputType::loglikelihood) {
    continuations = {sample.target};
  } else {
    for (const std::string& choice : sample.choices) continuations.push_back(task.target_delimiter + choice);
  }
  for (const std::string& continuation : continuations) sample.requests.push_back({context, continuation});
  for (const Loglikelihood& likelihood : model.loglikelihoods(context, continuations))
    sample.responses.push_back({likelihood, ""});
}

void read_target(const Task& task, const Json& document, Sample& sample) {
  if (task.output_type == OutputType::loglikelihood_rolling) return;
  const Json target = document_target(task, document);
  sample.target = as_text(target);
  if (task.output_type != OutputType::multiple_choice) return;
  sample.choices = document_choices(task, document);
  if (target.is_number_integer()) {
    sample.gold = target.get<std::int64_t>();
  } else {
    const auto hit = std::find(sample.choices.begin(), sample.choices.end(), sample.target);
    sample.gold = hit == sample.choices.end() ? -1 : hit - sample.choices.begin();
  }
  if (sample.gold >= static_cast<std::int64_t>(sample.choices.size())) sample.gold = -1;
}

// Metrics of one answered document; generation gives one sample per filter chain.
std::vector<Sample> measured(const Task& task, const Json& document, const Sample& answered) {
  std::vector<Sample> out;
  if (task.output_type == OutputType::generate_until) {
    const Json target = document_target(task, document);
    for (const FilterChain& chain : task.filters) {
      Sample sample = answered;
      sample.filter = chain.name;
      sample.filtered = apply_filters(chain, answered.responses[0].text);
      for (const MetricSpec& metric : task.metrics) {
        bool hit = false;
        const Json targets = target.is_array() ? target : Json::array({target});
        for (const Json& one : targets) hit = hit || exact_match(sample.filtered, as_text(one), metric);
        sample.metrics[metric.name] = hit ? 1 : 0;
      }
      out.push_back(std::move(sample));
    }
    return out;
  }
  Sample sample = answered;
  const Loglikelihood& first = answered.responses[0].likelihood;
  if (task.output_type == OutputType::loglikelihood_rolling) {
    const std::string& text = answered.requests[0].continuation;
    sample.metrics = {
        {"nll", -first.sum}, {"words", static_cast<double>(harness_words(text))}, {"bytes", static_cast<double>(text.size())}};
  } else {
    for (const MetricSpec& metric : task.metrics) {
      if (task.output_type == OutputType::multiple_choice)
        sample.metrics[metric.name] = choice_metric(metric.name, sample);
      else
        sample.metrics[metric.name] = metric.name == "acc" ? (first.greedy ? 1 : 0) : first.sum;
    }
  }
  out.push_back(std::move(sample));
  return out;
}

Value aggregate(const Task& task, const MetricSpec& metric, const std::string& filter, const std::vector<Sample>& samples) {
  Value value{metric.name, filter, 0, std::nullopt, metric.higher_is_better};
  if (task.output_type == OutputType::loglikelihood_rolling) {
    double nll = 0, words = 0, bytes = 0;
    for (const Sample& sample : samples) {
      nll += sample.metrics.at("nll");
      words += sample.metrics.at("words");
      bytes += sample.metrics.at("bytes");
    }
    value.value = metric.name == "bits_per_byte" ? bits_per_byte(nll, bytes)
                                                 : weighted_perplexity(nll, metric.name == "word_perplexity" ? words : bytes);
    return value;
  }
  std::vector<double> items;
  for (const Sample& sample : samples) {
    if (sample.filter == filter) items.push_back(sample.metrics.at(metric.name));
  }
  value.value = metric.name == "perplexity" ? std::exp(-mean(items)) : mean(items);
  if (metric.name != "perplexity") value.standard_error = mean_standard_error(items);
  return value;
}

bool is_close_call(const Sample& sample) {
  std::vector<double> sums;
  for (const Response& response : sample.responses) sums.push_back(response.likelihood.sum);
  if (sums.size() < 2) return false;
  std::partial_sort(sums.begin(), sums.begin() + 2, sums.end(), std::greater<>());
  return sums[0] - sums[1] < 1e-3;
}

}  // namespace

std::vector<std::string> contexts(const Task& task, std::int64_t documents, std::uint64_t fewshot_seed) {
  PythonRandom random(fewshot_seed);
  std::vector<std::string> out;
  for (std::int64_t i = 0; i < documents; ++i) {
    const Json& document = (*task.documents)[static_cast<std::size_t>(i)];
    std::string context = task.description.empty() ? "" : render(task.description, document, task.name + ": description");
    if (task.num_fewshot > 0) {
      for (const Json* shot : draw_shots(task, document, random)) {
        context += document_text(task, *shot) + task.target_delimiter + shot_answer(task, *shot) + task.fewshot_delimiter;
      }
    }
    if (task.output_type != OutputType::loglikelihood_rolling) context += document_text(task, document);
    out.push_back(std::move(context));
  }
  return out;
}

TaskResult run_task(const Task& task, LanguageModel& model, const RunOptions& options) {
  TaskResult result;
  result.task = task;
  const auto available = static_cast<std::int64_t>(task.documents->size());
  result.documents = options.limit > 0 ? std::min(options.limit, available) : available;
  const std::vector<std::string> all_contexts = contexts(task, result.documents, options.fewshot_seed);
  const bool generates = task.output_type == OutputType::generate_until;
  std::vector<std::string> texts;  // of documents n * kGenerated and those behind it
  for (std::int64_t i = 0; i < result.documents; ++i) {
    const auto number = static_cast<std::size_t>(i);
    const Json& document = (*task.documents)[number];
    Sample answered;
    answered.document = i;
    read_target(task, document, answered);
    if (generates) {
      if (number % kGenerated == 0) {
        std::vector<GenerationRequest> requests;
        for (std::size_t n = number; n < std::min(number + kGenerated, all_contexts.size()); ++n)
          requests.push_back({all_contexts[n], task.until, task.max_tokens});
        texts = model.generate(requests, options.after_document);
      }
      answered.requests = {{all_contexts[number], ""}};
      answered.responses = {{{}, texts[number % kGenerated]}};
    } else {
      ask(task, model, document, all_contexts[number], answered);
    }
    if (task.output_type == OutputType::multiple_choice && is_close_call(answered)) ++result.close_calls;
    for (Sample& sample : measured(task, document, answered)) result.samples.push_back(std::move(sample));
    if (!generates && options.after_document) options.after_document();
  }
  std::vector<std::string> filters;
  if (task.output_type == OutputType::generate_until) {
    for (const FilterChain& chain : task.filters) filters.push_back(chain.name);
  } else {
    filters = {"none"};
  }
  for (const std::string& filter : filters) {
    for (const MetricSpec& metric : task.metrics) result.values.push_back(aggregate(task, metric, filter, result.samples));
  }
  return result;
}

}  // namespace cairn::eval
