#include "engine/data/mix_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/html.h"
#include "base/json.h"

namespace cairn::data {

namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60676f; --line: #d8dce0; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa2aa; --line: #343a40; --paper: #16191c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } p { color: var(--soft); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } tr.sum td { font-weight: 600; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } }
)";

Json amount_json(const MixAmount& amount, const std::string& unit) {
  Json json = {{"documents", amount.documents}};
  if (unit != "documents") json[unit] = amount.size;
  return json;
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

MixAmount taken_in(const MixPlan& plan, std::size_t stage) {
  MixAmount sum;
  for (const MixShare& share : plan.shares[stage]) sum += share.taken;
  return sum;
}

std::string row(const std::vector<std::string>& cells, const char* attributes = "") {
  std::string out = fmt::format("<tr{}>", attributes);
  for (std::size_t i = 0; i < cells.size(); ++i)
    out += fmt::format("<td{}>{}</td>", i == 0 ? "" : " class=\"n\"", html_escape(cells[i]));
  return out + "</tr>\n";
}

std::string head(const std::vector<std::string>& cells) {
  std::string out = "<table><tr>";
  for (std::size_t i = 0; i < cells.size(); ++i)
    out += fmt::format("<th{}>{}</th>", i == 0 ? "" : " class=\"n\"", html_escape(cells[i]));
  return out + "</tr>\n";
}

std::string both(const MixAmount& amount) {
  return fmt::format("{} / {}", amount.size, amount.documents);
}

}  // namespace

void check_mix_sums(const MixReport& report, const std::vector<MixDocument>& documents) {
  const MixPlan& plan = *report.plan;
  MixAmount accounted = plan.unmatched;
  for (const MixSourceTally& source : plan.sources) accounted += source.matched;
  if (accounted != report.came_in)
    fail("mix: {} documents are accounted for, {} came in", accounted.documents, report.came_in.documents);
  std::vector<MixAmount> seen(plan.sources.size());  // of each source: capped, weightless, never taken, or taken
  for (std::size_t s = 0; s < seen.size(); ++s) {
    seen[s] += plan.sources[s].capped;
    seen[s] += plan.sources[s].weightless;
    seen[s] += plan.sources[s].never;
  }
  std::vector<std::vector<MixAmount>> taken(plan.shares.size(), std::vector<MixAmount>(plan.sources.size()));
  for (std::size_t d = 0; d < documents.size(); ++d) {
    const MixDocument& document = documents[d];
    if (document.source == kNoMixSource) continue;
    bool once = false;
    for (std::size_t stage = 0; stage < taken.size(); ++stage) {
      const std::int64_t copies = plan.copies[stage][d];
      taken[stage][document.source] += {copies, copies * document.size};
      once = once || copies > 0;
    }
    if (once) seen[document.source] += {1, document.size};
  }
  for (std::size_t s = 0; s < seen.size(); ++s) {
    if (seen[s] != plan.sources[s].matched)
      fail("mix: source '{}' has {} documents, of which {} are accounted for", report.sources[s].name,
           plan.sources[s].matched.documents, seen[s].documents);
    for (std::size_t stage = 0; stage < taken.size(); ++stage) {
      if (taken[stage][s] != plan.shares[stage][s].taken)
        fail("mix: stage '{}' takes {} of source '{}', its documents come to {}", report.stages[stage].name,
             plan.shares[stage][s].taken.size, report.sources[s].name, taken[stage][s].size);
    }
  }
}

Json mix_report_json(const MixReport& report) {
  const MixPlan& plan = *report.plan;
  const std::string& unit = report.unit;
  Json sources = Json::array(), stages = Json::array();
  for (std::size_t s = 0; s < report.sources.size(); ++s) {
    const MixSourceTally& tally = plan.sources[s];
    sources.push_back({{"name", report.sources[s].name},
                       {"matched", amount_json(tally.matched, unit)},
                       {"beyond_domain_cap", amount_json(tally.capped, unit)},
                       {"without_weight", amount_json(tally.weightless, unit)},
                       {"available", amount_json(tally.available, unit)},
                       {"never_taken", amount_json(tally.never, unit)},
                       {"max_repeats", report.sources[s].max_repeats}});
  }
  for (std::size_t stage = 0; stage < report.stages.size(); ++stage) {
    const MixAmount sum = taken_in(plan, stage);
    Json list = Json::array();
    for (std::size_t s = 0; s < report.sources.size(); ++s) {
      const MixShare& share = plan.shares[stage][s];
      list.push_back({{"source", report.sources[s].name},
                      {"asked", share.asked},
                      {"taken", amount_json(share.taken, unit)},
                      {"distinct_documents", share.distinct},
                      {"repeats", ratio(share.taken.size, plan.sources[s].available.size)},
                      {"share", ratio(share.taken.size, sum.size)}});
    }
    stages.push_back({{"name", report.stages[stage].name}, {"taken", amount_json(sum, unit)}, {"sources", list}});
  }
  return {{"unit", unit},
          {"came_in", amount_json(report.came_in, unit)},
          {"of_no_source", amount_json(plan.unmatched, unit)},
          {"sources", sources},
          {"stages", stages}};
}

std::string mix_report_html(const MixReport& report) {
  const MixPlan& plan = *report.plan;
  std::string out = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>Mixture</title><style>{}</style></head><body><h1>Mixture</h1>\n",
      kStyle);
  out += fmt::format("<p>{} documents came in, {} of them belong to no source. Amounts are in {}.</p>\n",
                     report.came_in.documents, plan.unmatched.documents, report.unit);
  out += "<h2>Sources</h2>\n" + head({"source", report.unit + " / documents", "beyond a domain's cap", "without weight",
                                      "one round holds", "never taken", "repeats, at most"});
  for (std::size_t s = 0; s < report.sources.size(); ++s) {
    const MixSourceTally& tally = plan.sources[s];
    out += row({report.sources[s].name, both(tally.matched), both(tally.capped), both(tally.weightless), both(tally.available),
                both(tally.never), fmt::format("{}", report.sources[s].max_repeats)});
  }
  out += "</table>\n";
  for (std::size_t stage = 0; stage < report.stages.size(); ++stage) {
    const MixAmount sum = taken_in(plan, stage);
    out += fmt::format("<h2>Stage {}</h2>\n", html_escape(report.stages[stage].name));
    out += head({"source", "available", "asked", "taken", "documents", "different ones", "repeats", "share"});
    MixShare total;
    for (std::size_t s = 0; s < report.sources.size(); ++s) {
      const MixShare& share = plan.shares[stage][s];
      total.asked += share.asked;
      total.distinct += share.distinct;
      out +=
          row({report.sources[s].name, fmt::format("{}", plan.sources[s].available.size), fmt::format("{}", share.asked),
               fmt::format("{}", share.taken.size), fmt::format("{}", share.taken.documents), fmt::format("{}", share.distinct),
               fmt::format("{:.3f}", ratio(share.taken.size, plan.sources[s].available.size)),
               fmt::format("{:.2f}%", 100 * ratio(share.taken.size, sum.size))});
    }
    out += row({"together", "", fmt::format("{}", total.asked), fmt::format("{}", sum.size), fmt::format("{}", sum.documents),
                fmt::format("{}", total.distinct), "", sum.size > 0 ? "100%" : ""},
               " class=\"sum\"") +
           "</table>\n";
  }
  return out +
         "<p>A stage takes documents in a drawn order until the next one would be more than was asked for. Repeats: taken "
         "divided by available.</p></body></html>\n";
}

}  // namespace cairn::data
