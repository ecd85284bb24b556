// The report of a curation as one page without scripts: it opens from disk, light and dark, and prints.
#include <algorithm>

#include <fmt/format.h>

#include "base/format.h"
#include "base/html.h"
#include "engine/data/curate_report.h"

namespace cairn::data {

namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60676f; --line: #d8dce0; --paper: #ffffff; --kept: #2f7d5b; --held: #7a6bb0; --dropped: #c2562f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa2aa; --line: #343a40; --paper: #16191c; --kept: #55b088; --held: #a99be0; --dropped: #e58a63; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; } p.lead { color: var(--soft); margin-top: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.n { white-space: nowrap; } .wide { overflow-x: auto; }
.bar { display: flex; height: .8rem; min-width: 6rem; background: var(--line); } .bar i { display: block; height: 100%; }
.k { background: var(--kept); } .h { background: var(--held); } .d { background: var(--dropped); }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; } .lead .key { display: inline-block; width: .8rem; height: .8rem; vertical-align: -.1rem; } .lead .limit.key { width: 0; background: none; border-left: 2px dashed var(--ink); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 1rem 1.4rem; } figure { margin: 0; break-inside: avoid; } figure svg { width: 100%; display: block; } figcaption { font-size: .85rem; line-height: 1.35; color: var(--soft); } figcaption b { font-weight: 600; color: var(--ink); }
svg text { font: 10px system-ui, sans-serif; fill: var(--soft); } svg text.limit { fill: var(--ink); } svg .k { fill: var(--kept); } svg .d { fill: var(--dropped); } svg .axis { stroke: var(--line); } path.limit { stroke: var(--ink); stroke-dasharray: 3 2; } .band { fill: var(--ink); opacity: .12; }
table.bars td { border-bottom: 0; padding-top: .1rem; padding-bottom: .1rem; vertical-align: middle; white-space: nowrap; } td.fill { width: 70%; } tr.sum td { font-weight: 600; } td.rules { min-width: 14rem; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
details { margin: .4rem 0; } summary { cursor: pointer; } blockquote { margin: .3rem 0 .8rem 1rem; color: var(--soft); overflow-wrap: anywhere; }
code { font-size: .92em; overflow-wrap: anywhere; } @media print { details, tr { break-inside: avoid; } body { max-width: none; margin: 0; font-size: 11px; } .grid { grid-template-columns: repeat(3, 1fr); } }
)";

std::string bytes_text(std::int64_t bytes) {
  return bytes < 0 ? "-" + format_bytes(static_cast<std::uint64_t>(-bytes)) : format_bytes(static_cast<std::uint64_t>(bytes));
}
std::string words_text(std::int64_t words) {
  const std::string text = format_count(static_cast<double>(words < 0 ? -words : words));
  return words < 0 ? "-" + text : text;
}
std::string count_text(std::int64_t count) {
  return fmt::format("{}", count);
}

std::string bar(const GroupTally& group) {
  const double in = static_cast<double>(std::max<std::int64_t>(group.in.documents, 1));
  const std::int64_t kept = group.kept.documents, held_out = group.held_out.documents, dropped = group.dropped().documents;
  return fmt::format(
      "<div class=\"bar\" title=\"kept {}, held out {}, dropped {}\"><i class=\"k\" style=\"width:{:.2f}%\"></i>"
      "<i class=\"h\" style=\"width:{:.2f}%\"></i><i class=\"d\" style=\"width:{:.2f}%\"></i></div>",
      kept, held_out, dropped, 100 * static_cast<double>(kept) / in, 100 * static_cast<double>(held_out) / in,
      100 * static_cast<double>(dropped) / in);
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

std::string number_cell(const std::string& text) {
  return "<td class=\"n\">" + text + "</td>";
}

// ---- step by step

std::string rules_text(const FilterTally& tally) {
  std::string rules;
  for (const auto& [rule, count] : tally.rules)
    rules += fmt::format("{}{} {}", rules.empty() ? "" : ", ", html_escape(rule), count);
  return rules;
}

void add_funnel(std::string& out, const CurateReport& report) {
  const GroupTally& total = report.total;
  Amount left = total.in;
  const auto share = [&](std::int64_t documents) {
    return 100 * static_cast<double>(documents) / static_cast<double>(std::max<std::int64_t>(total.in.documents, 1));
  };
  const auto tokens_cell = [&](const Amount& amount) { return report.tokens ? number_cell(words_text(amount.tokens)) : ""; };
  const auto left_cells = [&](std::int64_t dropped) {
    return fmt::format(
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}<td><div class=\"bar\"><i class=\"k\" "
        "style=\"width:{:.2f}%\"></i><i class=\"d\" style=\"width:{:.2f}%\"></i></div></td>",
        left.documents, bytes_text(left.bytes), words_text(left.words), tokens_cell(left), share(left.documents), share(dropped));
  };
  out += fmt::format(
      "<h2>Step by step</h2><p class=\"lead\">What each filter dropped, and what was left behind it. Text, words{} are those "
      "that "
      "documents came in with; words are counted as the filters find them (each letter is one in scripts without "
      "spaces){}.</p><div "
      "class=\"wide\"><table><tr><th>filter</th><th class=\"n\">edited</th><th class=\"n\">dropped</th><th "
      "class=\"n\">left</th><th class=\"n\">text</th><th class=\"n\">words</th>{}<th>of all</th><th>by rule</th></tr>",
      report.tokens ? " and tokens" : "", report.tokens ? "" : ", since no tokenizer was given",
      report.tokens ? "<th class=\"n\">tokens</th>" : "");
  out += "<tr class=\"sum\"><td>came in</td><td></td><td></td>" + left_cells(0) + "<td></td></tr>";
  for (const std::string& name : report.filters) {
    const FilterTally& tally = report.by_filter.at(name);
    if (const auto dropped = total.dropped_by.find(name); dropped != total.dropped_by.end()) {
      left.documents -= dropped->second.documents;
      left.bytes -= dropped->second.bytes;
      left.words -= dropped->second.words;
      left.tokens -= dropped->second.tokens;
    }
    out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}<td class=\"rules\">{}</td></tr>",
                       column_name(name), tally.edited, tally.dropped, left_cells(tally.dropped), rules_text(tally));
  }
  const auto rest = [&](const char* name, const Amount& amount, bool documents) {
    out += fmt::format("<tr class=\"sum\"><td>{}</td><td class=\"n\">{}</td><td></td>{}{}{}{}<td></td><td></td></tr>", name,
                       documents ? "" : count_text(amount.documents), number_cell(documents ? count_text(amount.documents) : ""),
                       number_cell(bytes_text(amount.bytes)), number_cell(words_text(amount.words)), tokens_cell(amount));
  };
  if (total.edited.documents > 0) rest("edited away", total.edited, false);
  if (total.held_out.documents > 0) rest("held out", total.held_out, true);
  rest("kept", total.kept, true);
  out += "</table></div>";
}

// ---- by language and source

using Groups = std::vector<std::pair<std::string, GroupTally>>;

// What each step took of each group, in one measure.
void add_amounts(std::string& out, std::string_view title, std::string_view column, const Groups& rows,
                 const std::vector<std::string>& filters, std::int64_t Amount::*measure, std::string (*text)(std::int64_t)) {
  out += fmt::format("<details><summary>{}</summary><div class=\"wide\"><table><tr><th>{}</th><th class=\"n\">came in</th>",
                     title, column);
  for (const std::string& filter : filters) out += fmt::format("<th class=\"n\">{}</th>", column_name(filter));
  out += "<th class=\"n\">edited away</th><th class=\"n\">held out</th><th class=\"n\">kept</th></tr>";
  for (const auto& [name, group] : rows) {
    out += "<tr><td>" + html_escape(name) + "</td>" + number_cell(text(group.in.*measure));
    for (const std::string& filter : filters) {
      const auto dropped = group.dropped_by.find(filter);
      out += number_cell(dropped == group.dropped_by.end() ? "" : text(dropped->second.*measure));
    }
    for (const Amount* amount : {&group.edited, &group.held_out, &group.kept})
      out += number_cell(amount->*measure == 0 ? "" : text(amount->*measure));
    out += "</tr>";
  }
  out += "</table></div></details>";
}

// The columns of filters, of those that dropped something, are below: there may be many of them.
void add_groups(std::string& out, std::string_view title, std::string_view column,
                const std::map<std::string, GroupTally>& groups, std::vector<std::string> filters, bool tokens) {
  std::erase_if(filters, [&](const std::string& filter) {
    return std::none_of(groups.begin(), groups.end(),
                        [&](const auto& group) { return group.second.dropped_by.contains(filter); });
  });
  Groups rows(groups.begin(), groups.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.kept.bytes > b.second.kept.bytes; });
  out += fmt::format(
      "<h2>{}</h2><div class=\"wide\"><table><tr><th>{}</th><th class=\"n\">documents</th><th class=\"n\">kept</th><th "
      "class=\"n\">held out</th><th class=\"n\">text kept</th><th class=\"n\">words kept</th><th>share</th></tr>",
      title, column);
  for (const auto& [name, group] : rows) {
    out +=
        fmt::format("<tr><td>{}</td>{}{}{}{}{}<td>{}</td></tr>", html_escape(name), number_cell(count_text(group.in.documents)),
                    number_cell(count_text(group.kept.documents)), number_cell(count_text(group.held_out.documents)),
                    number_cell(bytes_text(group.kept.bytes)), number_cell(words_text(group.kept.words)), bar(group));
  }
  out += "</table></div>";
  add_amounts(out, "What each filter dropped, in documents", column, rows, filters, &Amount::documents, count_text);
  add_amounts(out, "In bytes of text", column, rows, filters, &Amount::bytes, bytes_text);
  add_amounts(out, "In words", column, rows, filters, &Amount::words, words_text);
  if (tokens) add_amounts(out, "In tokens", column, rows, filters, &Amount::tokens, words_text);
}

// ---- samples

void add_sample(std::string& out, const std::string& url, const std::string& language, const std::string& why,
                const std::string& begins) {
  out += fmt::format("<p><code>{}</code> ({}){}{}</p><blockquote>{}</blockquote>", html_escape(url), html_escape(language),
                     why.empty() ? "" : ": ", html_escape(why), html_escape(begins));
}

}  // namespace

std::string report_html(const CurateReport& report) {
  std::string out =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>Curation report</title><style>";
  out += kStyle;
  const GroupTally& total = report.total;
  out += fmt::format(
      "</style><h1>Curation report</h1><p class=\"lead\">{} documents came in with {} of text; <span class=\"k key\"></span> {} "
      "kept "
      "with {}, <span class=\"h key\"></span> {} held out for evaluation, <span class=\"d key\"></span> {} dropped.</p>",
      total.in.documents, bytes_text(total.in.bytes), total.kept.documents, bytes_text(total.kept.bytes),
      total.held_out.documents, total.dropped().documents);
  out += bar(total);
  add_funnel(out, report);
  add_groups(out, "Languages", "language", report.by_language, report.filters, report.tokens);
  add_groups(out, "Sources", "source", report.by_source.largest(), report.filters, report.tokens);
  out += statistics_html(measured_statistics(report));
  out += clusters_html(report.clusters);
  out += contamination_html(report.contamination);
  out += "<h2>What was kept: samples</h2><details><summary>drawn by their ids, identifiers of persons masked</summary>";
  for (const KeptSamples::Sample& sample : report.kept_samples.samples())
    add_sample(out, sample.url, sample.language, sample.edits, sample.begins);
  out += "</details><h2>What was dropped: samples</h2>";
  for (const std::string& name : report.filters) {
    for (const auto& [rule, samples] : report.by_filter.at(name).samples) {
      out += fmt::format("<details><summary>{}: {}</summary>", html_escape(name), html_escape(rule));
      for (const DroppedSample& sample : samples) add_sample(out, sample.url, sample.language, sample.reason, sample.begins);
      out += "</details>";
    }
  }
  out += "</html>\n";
  return out;
}

}  // namespace cairn::data
