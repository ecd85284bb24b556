#include "eval/report.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "base/error.h"
#include "base/format.h"
#include "base/html.h"
#include "base/json.h"

namespace cairn::eval {
namespace {

constexpr const char* kStyle = R"css(
:root { --ink: #1b1f24; --dim: #57606a; --paper: #fff; --line: #d0d7de; --s0: #0b61a4; --s1: #c2410c; --s2: #4d7c0f; --s3: #7e22ce; --soft: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117; --line: #30363d; --s0: #58a6ff; --s1: #ffa657; --s2: #7ee787; --s3: #d2a8ff; --soft: #161b22; } }
@media print { :root { --ink: #000; --dim: #333; --paper: #fff; --line: #999; --soft: #fff; } figure, table { break-inside: avoid; } details { display: none; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
p.sub, p.legend, figcaption { color: var(--dim); } figure { margin: 1rem 0; } figcaption { font-weight: 600; margin-bottom: .3rem; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; } th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; } code, pre { font: 12.5px/1.45 ui-monospace, monospace; } pre { background: var(--soft); padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); } svg .tick { fill: var(--dim); font-size: 11px; } svg .value { font-size: 11px; }
.grid { stroke: var(--line); stroke-width: 1; } .interval { stroke: var(--ink); stroke-width: 1.5; } .baseline { stroke: var(--ink); stroke-dasharray: 5 4; }
rect.s0 { fill: var(--s0); } rect.s1 { fill: var(--s1); } rect.s2 { fill: var(--s2); } rect.s3 { fill: var(--s3); }
polyline { fill: none; stroke-width: 1.6; } .l0 { stroke: var(--s0); } .l1 { stroke: var(--s1); stroke-dasharray: 6 3; } .l2 { stroke: var(--s2); } .l3 { stroke: var(--s3); }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; } .key.s0 { background: var(--s0); } .key.s1 { background: var(--s1); } .key.s2 { background: var(--s2); } .key.s3 { background: var(--s3); }
details { margin: .4rem 0; } summary { cursor: pointer; color: var(--dim); } .right { font-weight: 600; }
)css";

const Value* find_value(const TaskResult& result, const std::string& metric) {
  for (const Value& value : result.values) {
    if (value.metric == metric) return &value;
  }
  return nullptr;
}

// The one number of a task that charts show.
const Value* headline(const TaskResult& result) {
  for (const char* metric : {"bits_per_byte", "acc", "exact_match", "perplexity"}) {
    if (const Value* value = find_value(result, metric)) return value;
  }
  return result.values.empty() ? nullptr : &result.values.front();
}

std::string value_text(const Value& value) {
  if (!value.standard_error) return fmt::format("{:.4f}", value.value);
  return fmt::format("{:.4f} ± {:.4f}", value.value, 1.96 * *value.standard_error);
}

std::string result_table(const std::vector<ModelResults>& models) {
  std::string out =
      "<table><thead><tr><th>task</th><th>metric</th><th>filter</th><th class=\"n\">shots</th><th class=\"n\">documents</th>";
  for (const ModelResults& entry : models) out += "<th class=\"n\">" + html_escape(entry.model.name) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (std::size_t t = 0; t < models[0].results.size(); ++t) {
    const TaskResult& first = models[0].results[t];
    for (std::size_t v = 0; v < first.values.size(); ++v) {
      const Value& value = first.values[v];
      out += fmt::format("<tr><td>{}</td><td>{} {}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
                         v ? "" : html_escape(first.task.alias), html_escape(value.metric), value.higher_is_better ? "↑" : "↓",
                         html_escape(value.filter), first.task.num_fewshot, first.documents);
      for (const ModelResults& entry : models) out += "<td class=\"n\">" + value_text(entry.results[t].values[v]) + "</td>";
      out += "</tr>\n";
    }
  }
  return out +
         "</tbody></table>\n<p class=\"sub\">± is the 95 % interval (1.96 standard errors). ↑ more is better, ↓ less is "
         "better.</p>\n";
}

// One chart per headline metric; tasks of a group share it.
std::string charts(const std::vector<ModelResults>& models) {
  std::map<std::string, std::vector<std::size_t>> by_metric;
  for (std::size_t t = 0; t < models[0].results.size(); ++t) {
    if (const Value* value = headline(models[0].results[t])) by_metric[value->metric].push_back(t);
  }
  std::vector<std::string> series;
  for (const ModelResults& entry : models) series.push_back(entry.model.name);
  std::string out;
  for (const auto& [metric, tasks] : by_metric) {
    std::vector<Bar> bars;
    std::optional<double> baseline;
    for (const std::size_t t : tasks) {
      Bar bar{models[0].results[t].task.alias, {}, {}};
      for (const ModelResults& entry : models) {
        const Value* value = headline(entry.results[t]);
        bar.values.push_back(value->value);
        bar.half_intervals.push_back(value->standard_error ? std::optional(1.96 * *value->standard_error) : std::nullopt);
      }
      if (tasks.size() == 1 && models[0].results[t].task.random_baseline >= 0)
        baseline = models[0].results[t].task.random_baseline;
      bars.push_back(std::move(bar));
    }
    std::stable_sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) { return a.values[0] < b.values[0]; });
    const bool lower = metric == "bits_per_byte" || metric.find("perplexity") != std::string::npos;
    out += bar_chart(metric + (lower ? " (less is better)" : " (more is better)"), metric, series, bars, baseline);
  }
  return out;
}

std::string sample_text(const TaskResult& result, const Sample& sample) {
  std::string out;
  if (result.task.output_type == OutputType::multiple_choice) {
    out += "<pre>" + html_escape(sample.requests[0].context) + "</pre><table>";
    for (std::size_t i = 0; i < sample.choices.size(); ++i) {
      const bool gold = static_cast<std::int64_t>(i) == sample.gold;
      out += fmt::format("<tr><td class=\"{}\">{}</td><td>{}</td><td class=\"n\">{:.3f}</td></tr>", gold ? "right" : "",
                         gold ? "✓" : "", html_escape(sample.choices[i]), sample.responses[i].likelihood.sum);
    }
    return out + "</table>";
  }
  if (result.task.output_type == OutputType::generate_until) {
    return fmt::format("<pre>{}</pre><p>answered: <code>{}</code>; expected: <code>{}</code></p>",
                       html_escape(sample.requests[0].context), html_escape(sample.filtered), html_escape(sample.target));
  }
  return "";
}

// The first samples of each task that has any to show: exact prompts and what came back.
std::string drill_down(const ModelResults& entry) {
  std::string out;
  for (const TaskResult& result : entry.results) {
    std::string shown;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, result.samples.size()); ++i) {
      const std::string text = sample_text(result, result.samples[i]);
      if (!text.empty())
        shown +=
            "<details><summary>document " + std::to_string(result.samples[i].document) + "</summary>" + text + "</details>\n";
    }
    if (!shown.empty()) out += "<h3>" + html_escape(result.task.alias) + "</h3>\n" + shown;
  }
  return out;
}

}  // namespace

std::string_view report_style() {
  return kStyle;
}

std::string html_report(const ReportFacts& facts, const std::vector<ModelResults>& models) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>" +
      html_escape(facts.title) + "</title><style>" + kStyle + "</style></head><body>\n<h1>" + html_escape(facts.title) +
      "</h1>\n<p class=\"sub\">Evaluated in lm-evaluation-harness's terms.</p>\n<h2>What was measured</h2>\n<table>";
  for (const auto& [name, value] : facts.identity)
    out += "<tr><td>" + html_escape(name) + "</td><td><code>" + html_escape(value) + "</code></td></tr>\n";
  out += "</table>\n<h2>Results</h2>\n" + charts(models) + result_table(models);
  for (const ModelResults& entry : models) {
    for (const TaskResult& result : entry.results) {
      if (result.close_calls > 0) {
        out += fmt::format(
            "<p class=\"sub\">{}, {}: {} of {} documents are close calls (best and second choice within 0.001), where rounding "
            "may decide.</p>\n",
            html_escape(entry.model.name), html_escape(result.task.alias), result.close_calls, result.documents);
      }
    }
  }
  if (!facts.training.empty())
    out += "<h2>Training</h2>\n" + line_chart("loss by step", "step", "loss (nats per token)", facts.training);
  out += "<h2>Samples</h2>\n";
  for (const ModelResults& entry : models) out += "<h3>" + html_escape(entry.model.name) + "</h3>\n" + drill_down(entry);
  return out + "</body></html>\n";
}

}  // namespace cairn::eval
