#include "engine/data/curate_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/format.h"
#include "base/html.h"
#include "base/json.h"
#include "engine/data/language_words.h"
#include "engine/data/words.h"

namespace cairn::data {

namespace {

Json group_json(const GroupTally& group) {
  return {{"in", group.in},
          {"kept", group.kept},
          {"held_out", group.held_out},
          {"text_bytes", group.text_bytes},
          {"dropped_by", group.dropped_by}};
}

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60676f; --line: #d8dce0; --paper: #ffffff; --kept: #2f7d5b; --held: #7a6bb0; --dropped: #c2562f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa2aa; --line: #343a40; --paper: #16191c; --kept: #55b088; --held: #a99be0; --dropped: #e58a63; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; } p.lead { color: var(--soft); margin-top: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.n { white-space: nowrap; } .wide { overflow-x: auto; }
.bar { display: flex; height: .8rem; min-width: 6rem; background: var(--line); } .bar i { display: block; height: 100%; }
.k { background: var(--kept); } .h { background: var(--held); } .d { background: var(--dropped); }
details { margin: .4rem 0; } summary { cursor: pointer; } blockquote { margin: .3rem 0 .8rem 1rem; color: var(--soft); overflow-wrap: anywhere; }
code { font-size: .92em; overflow-wrap: anywhere; } @media print { details { break-inside: avoid; } }
)";

std::string bar(const GroupTally& group) {
  const double in = static_cast<double>(std::max<std::int64_t>(group.in, 1));
  return fmt::format(
      "<div class=\"bar\" title=\"kept {}, held out {}, dropped {}\"><i class=\"k\" style=\"width:{:.2f}%\"></i>"
      "<i class=\"h\" style=\"width:{:.2f}%\"></i><i class=\"d\" style=\"width:{:.2f}%\"></i></div>",
      group.kept, group.held_out, group.in - group.kept - group.held_out, 100 * static_cast<double>(group.kept) / in,
      100 * static_cast<double>(group.held_out) / in, 100 * static_cast<double>(group.in - group.kept - group.held_out) / in);
}

// A filter's name as a column's: it may go on in the next line behind each underscore.
std::string column_name(std::string_view filter) {
  std::string out;
  for (const char c : html_escape(filter)) {
    out += c;
    if (c == '_') out += "<wbr>";
  }
  return out;
}

// Of the filters those that dropped something.
void add_groups(std::string& out, std::string_view title, std::string_view column,
                const std::map<std::string, GroupTally>& groups, std::vector<std::string> filters) {
  std::erase_if(filters, [&](const std::string& filter) {
    return std::none_of(groups.begin(), groups.end(),
                        [&](const auto& group) { return group.second.dropped_by.contains(filter); });
  });
  std::vector<std::pair<std::string, GroupTally>> rows(groups.begin(), groups.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.text_bytes > b.second.text_bytes; });
  out += fmt::format(
      "<h2>{}</h2><div class=\"wide\"><table><tr><th>{}</th><th class=\"n\">documents</th><th class=\"n\">kept</th><th "
      "class=\"n\">held out</th>"
      "<th class=\"n\">text kept</th><th>share</th>",
      title, column);
  for (const std::string& filter : filters) out += fmt::format("<th class=\"n\">{}</th>", column_name(filter));
  out += "</tr>";
  for (const auto& [name, group] : rows) {
    out += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>",
        html_escape(name), group.in, group.kept, group.held_out, format_bytes(group.text_bytes), bar(group));
    for (const std::string& filter : filters) {
      const auto dropped = group.dropped_by.find(filter);
      out += fmt::format("<td class=\"n\">{}</td>",
                         dropped == group.dropped_by.end() ? std::string() : fmt::format("{}", dropped->second));
    }
    out += "</tr>";
  }
  out += "</table></div>";
}

}  // namespace

Json report_json(const CurateReport& report) {
  Json filters = Json::array();
  for (const std::string& name : report.filters) {
    const FilterTally& tally = report.by_filter.at(name);
    Json samples = Json::object();
    for (const auto& [rule, of_rule] : tally.samples) {
      for (const DroppedSample& sample : of_rule) {
        samples[rule].push_back(
            {{"url", sample.url}, {"language", sample.language}, {"reason", sample.reason}, {"begins", sample.begins}});
      }
    }
    filters.push_back({{"filter", name},
                       {"seen", tally.seen},
                       {"dropped", tally.dropped},
                       {"edited", tally.edited},
                       {"rules", tally.rules},
                       {"samples", samples}});
  }
  Json out = {{"total", group_json(report.total)},
              {"text_bytes_in", report.text_bytes_in},
              {"filters", filters},
              {"clusters", clusters_json(report.clusters)},
              {"contamination", contamination_json(report.contamination)},
              {"word_rules", kWordRules}};
  if (std::find(report.filters.begin(), report.filters.end(), "fineweb2") != report.filters.end())
    out["language_word_rules"] = language_words_version();
  for (const auto& [key, groups] : {std::pair{"by_language", &report.by_language}, std::pair{"by_source", &report.by_source}}) {
    out[key] = Json::object();
    for (const auto& [name, group] : *groups) out[key][name] = group_json(group);
  }
  return out;
}

std::string report_html(const CurateReport& report) {
  std::string out =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>Curation report</title><style>";
  out += kStyle;
  const GroupTally& total = report.total;
  out += fmt::format(
      "</style><h1>Curation report</h1><p class=\"lead\">{} documents came in with {} of text; {} kept with {}, {} held out for "
      "evaluation, {} dropped.</p>",
      total.in, format_bytes(report.text_bytes_in), total.kept, format_bytes(total.text_bytes), total.held_out,
      total.in - total.kept - total.held_out);
  out += bar(total);
  out +=
      "<h2>Filters, in order</h2><table><tr><th>filter</th><th class=\"n\">saw</th><th class=\"n\">edited</th><th "
      "class=\"n\">dropped</th><th>by rule</th></tr>";
  for (const std::string& name : report.filters) {
    const FilterTally& tally = report.by_filter.at(name);
    std::string rules;
    for (const auto& [rule, count] : tally.rules)
      rules += fmt::format("{}{} {}", rules.empty() ? "" : ", ", html_escape(rule), count);
    out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                       html_escape(name), tally.seen, tally.edited, tally.dropped, rules);
  }
  out += "</table>";
  add_groups(out, "Languages", "language", report.by_language, report.filters);
  add_groups(out, "Sources", "source", report.by_source, report.filters);
  out += clusters_html(report.clusters);
  out += contamination_html(report.contamination);
  out += "<h2>What was dropped: samples</h2>";
  for (const std::string& name : report.filters) {
    for (const auto& [rule, samples] : report.by_filter.at(name).samples) {
      out += fmt::format("<details><summary>{}: {}</summary>", html_escape(name), html_escape(rule));
      for (const DroppedSample& sample : samples) {
        out += fmt::format("<p><code>{}</code> ({}): {}</p><blockquote>{}</blockquote>", html_escape(sample.url),
                           html_escape(sample.language), html_escape(sample.reason), html_escape(sample.begins));
      }
      out += "</details>";
    }
  }
  out += "</html>\n";
  return out;
}

}  // namespace cairn::data
