// The report of memorisation as one page without scripts.
#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/html.h"
#include "eval/memorisation.h"

namespace cairn::eval {

namespace {

constexpr std::size_t kShown = 10;  // best remembered probes

constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --paper: #fff; --line: #d0d7de; --hot: 194,65,12; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117; --line: #30363d; --hot: 255,166,87; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; } p { color: var(--dim); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--dim); } td:first-child, th:first-child { text-align: left; } .wide { overflow-x: auto; } small { color: var(--dim); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.45 ui-monospace, monospace; border-left: 3px solid var(--line); padding-left: .6rem; margin: .3rem 0; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
)css";

std::string cell_html(const MemorisationCell& cell) {
  if (cell.probes == 0) return "<td><small>none</small></td>";
  const std::string error = cell.rouge_l_error ? fmt::format(" ± {:.3f}", 1.96 * *cell.rouge_l_error) : "";
  return fmt::format(
      "<td style=\"background: rgba(var(--hot), {:.2f})\">{:.3f}<small>{}</small><br><small>run {:.3f}, ttr {:.2f} of {:.2f}, "
      "n {}</small></td>",
      0.8 * std::clamp((cell.rouge_l - 0.15) / 0.85, 0.0, 1.0), cell.rouge_l, error, cell.longest_run, cell.ttr, cell.true_ttr,
      cell.probes);
}

void add_tables(std::string& out, const Memorisation& measured) {
  std::vector<std::tuple<Decoding, std::int64_t, std::string>> groups;
  std::map<std::tuple<Decoding, std::int64_t, std::string>, std::vector<const MemorisationCell*>> cells;
  for (const MemorisationCell& cell : measured.cells) {
    const std::tuple key{cell.decoding, cell.offset, cell.kind};
    if (!cells.contains(key)) groups.push_back(key);
    cells[key].push_back(&cell);
  }
  for (const auto& group : groups) {
    if (std::all_of(cells[group].begin(), cells[group].end(), [](const auto* cell) { return cell->probes == 0; })) continue;
    std::vector<std::string> buckets;
    std::vector<std::int64_t> prefixes;
    std::map<std::pair<std::string, std::int64_t>, const MemorisationCell*> at;
    for (const MemorisationCell* cell : cells[group]) {
      if (std::find(buckets.begin(), buckets.end(), cell->bucket) == buckets.end()) buckets.push_back(cell->bucket);
      if (std::find(prefixes.begin(), prefixes.end(), cell->prefix) == prefixes.end()) prefixes.push_back(cell->prefix);
      at[{cell->bucket, cell->prefix}] = cell;
    }
    out += fmt::format("<h3>{}, {}{}</h3><div class=\"wide\"><table><tr><th>bucket (times read)</th>",
                       html_escape(std::get<2>(group)), decoding_name(std::get<0>(group)),
                       std::get<1>(group) > 0 ? fmt::format(", offset {}", std::get<1>(group)) : "");
    for (const std::int64_t prefix : prefixes) out += fmt::format("<th>prefix {}</th>", prefix);
    out += "</tr>\n";
    for (const std::string& bucket : buckets) {
      out += fmt::format("<tr><td>{} ({})</td>", html_escape(bucket), at[{bucket, prefixes.front()}]->frequency);
      for (const std::int64_t prefix : prefixes) out += cell_html(*at[{bucket, prefix}]);
      out += "</tr>\n";
    }
    out += "</table></div>\n";
  }
}

void add_best(std::string& out, const Memorisation& measured, const data::ProbeTable& table, const MemorisationOptions& options,
              const std::function<std::string(std::span<const std::int32_t>)>& text_of) {
  std::vector<const MemorisationSample*> best;
  for (const MemorisationSample& sample : measured.samples) best.push_back(&sample);
  std::stable_sort(best.begin(), best.end(), [](const auto* a, const auto* b) { return a->rouge_l > b->rouge_l; });
  best.resize(std::min(best.size(), kShown));
  out += "<h3>Remembered best</h3>\n";
  for (const MemorisationSample* sample : best) {
    const data::Probe& probe = table.probes()[sample->probe];
    const std::vector<std::int32_t> tokens = table.tokens(sample->probe);
    const auto truth = std::span(tokens).subspan(static_cast<std::size_t>(sample->offset + sample->prefix),
                                                 static_cast<std::size_t>(options.suffix));
    out += fmt::format(
        "<details><summary>{:.3f}: {} of bucket {}, {} given, {}{}{}</summary>true<pre>{}</pre>written<pre>{}</pre>"
        "</details>\n",
        sample->rouge_l, html_escape(probe.kind), html_escape(probe.bucket), sample->prefix, decoding_name(sample->decoding),
        probe.url.empty() ? "" : ", " + html_escape(probe.url),
        probe.near_copies > 0 ? fmt::format(", {:.0f}% of it in the corpus", 100 * probe.near_copies) : "",
        html_escape(text_of(truth)), html_escape(text_of(sample->generated)));
  }
}

}  // namespace

std::string memorisation_html(const std::vector<MemorisationOfModel>& models, const data::ProbeTable& table,
                              const MemorisationOptions& options,
                              const std::function<std::string(std::span<const std::int32_t>)>& text_of) {
  std::string out = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>Memorisation</title><style>{}</style></head><body><h1>Memorisation</h1>\n"
      "<p>Each probe is a sequence of tokens that was planted a known number of times. The model is given its beginning (prefix) "
      "and "
      "writes {} tokens, which are compared with how the probe goes on. In each cell: Rouge-L on token ids (F1) with its 95 % "
      "interval; "
      "the longest common run as a share of the suffix; the type-token ratio of what was written, of what is true; the number of "
      "probes. Probes whose true suffix has a type-token ratio of {} or less are left out. A bucket that was never read is the "
      "baseline.</p>\n",
      kStyle, options.suffix, options.least_ttr);
  for (const MemorisationOfModel& model : models) {
    out += fmt::format("<h2>{}</h2>\n", html_escape(model.name));
    add_tables(out, model.measured);
    add_best(out, model.measured, table, options, text_of);
  }
  return out + "</body></html>\n";
}

}  // namespace cairn::eval
