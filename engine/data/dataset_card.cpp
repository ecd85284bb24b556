#include "engine/data/dataset_card.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/format.h"
#include "base/html.h"

namespace cairn::data {

namespace {

// ---- a page, before it is Markdown or HTML

struct Table {
  std::vector<std::string> head;
  std::size_t numbers_from = 1;  // columns from here on are numbers
  std::vector<std::vector<std::string>> rows;
};

struct Section {
  std::string title;
  std::vector<std::string> paragraphs;
  std::vector<Table> tables;
};

std::string bytes_text(const Json& amount) {
  return format_bytes(amount.at("bytes").get<std::uint64_t>());
}
std::string count_text(const Json& amount, const char* member) {
  return amount.contains(member) ? fmt::format("{}", amount.at(member).get<std::int64_t>()) : "not counted";
}

// Members of nested objects, or null.
const Json& member(const Json& json, std::initializer_list<const char*> path) {
  static const Json nothing;
  const Json* at = &json;
  for (const char* name : path) {
    if (!at->is_object() || !at->contains(name)) return nothing;
    at = &at->at(name);
  }
  return *at;
}

std::string whole(const Json& number) {
  return number.is_number() ? fmt::format("{}", number.get<std::int64_t>()) : "not counted";
}

Table group_table(const Json& groups, const char* heading, std::size_t most, bool tokens) {
  Table table{{heading, "documents", "text"}, 1, {}};
  if (tokens) table.head.push_back("tokens");
  const Json& listed = groups.at("listed");
  std::int64_t documents = 0, bytes = 0, tokens_sum = 0, left = 0;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const Json& one = listed[i];
    if (i >= most) {
      ++left;
      documents += one.at("documents").get<std::int64_t>();
      bytes += one.at("bytes").get<std::int64_t>();
      if (tokens) tokens_sum += one.at("tokens").get<std::int64_t>();
      continue;
    }
    const std::string name = one.at("name").get<std::string>();
    std::vector<std::string> row{name.empty() ? "not stated" : name, count_text(one, "documents"), bytes_text(one)};
    if (tokens) row.push_back(count_text(one, "tokens"));
    table.rows.push_back(std::move(row));
  }
  const Json& others = groups.at("others");
  left += groups.at("count").get<std::int64_t>() - static_cast<std::int64_t>(listed.size());
  if (left > 0) {
    documents += others.at("documents").get<std::int64_t>();
    bytes += others.at("bytes").get<std::int64_t>();
    if (tokens) tokens_sum += others.at("tokens").get<std::int64_t>();
    std::vector<std::string> row{fmt::format("{} others", left), fmt::format("{}", documents),
                                 format_bytes(static_cast<std::uint64_t>(bytes))};
    if (tokens) row.push_back(fmt::format("{}", tokens_sum));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table length_table(const Json& lengths, const char* unit) {
  Table table{{fmt::format("{} of a document", unit), "documents"}, 1, {}};
  for (const Json& one : lengths.at("classes")) {
    table.rows.push_back({fmt::format("{} to {}", one.at("from").get<std::uint64_t>(), one.at("to").get<std::uint64_t>()),
                          fmt::format("{}", one.at("documents").get<std::int64_t>())});
  }
  return table;
}

Section contents_section(const DatasetFacts& facts) {
  const Json& statistics = facts.statistics;
  const Json& total = statistics.at("total");
  const bool tokens = total.contains("tokens");
  Section section{"What it holds", {}, {}};
  section.paragraphs.push_back(fmt::format("{} documents, {} of text ({} characters){}.", count_text(total, "documents"),
                                           bytes_text(total), count_text(total, "characters"),
                                           tokens ? fmt::format(", {} tokens", count_text(total, "tokens")) : ""));
  for (const auto& [group, heading] :
       {std::pair{"by_language", "language"}, std::pair{"by_licence", "licence"}, std::pair{"by_source", "source"},
        std::pair{"by_site", "site"}, std::pair{"by_year", "year of retrieval"}})
    section.tables.push_back(group_table(statistics.at(group), heading, 50, tokens));
  section.tables.push_back(length_table(statistics.at("lengths").at("bytes"), "bytes"));
  if (tokens) section.tables.push_back(length_table(statistics.at("lengths").at("tokens"), "tokens"));
  return section;
}

Section origins_section(const DatasetFacts& facts) {
  Section section{"Where it comes from", {}, {}};
  Table sources{{"source", "licence", "retrieved", "step"}, 4, {}};
  for (const DatasetStep& step : facts.steps) {
    const Json& given = member(step.config, {"sources"});
    if (step.step != "ingest" || !given.is_array()) continue;
    for (const Json& source : given) {
      const auto text = [&source](const char* name, const char* missing) {
        const Json& value = member(source, {name});
        return value.is_string() ? value.get<std::string>() : std::string(missing);
      };
      const bool of_file = member(source, {"licence_file"}).is_string();
      sources.rows.push_back({text("name", ""), text("licence", of_file ? "of its copyright file" : "as each document states"),
                              text("retrieved", "as each document states"), fmt::format("{} (run {})", step.name, step.run)});
    }
  }
  if (!sources.rows.empty()) section.tables.push_back(std::move(sources));
  Table taken{{"taken from outside", "kind", "as claimed", "SHA-256", "size"}, 4, {}};
  for (const DatasetOrigin& origin : facts.origins)
    taken.rows.push_back({origin.name, origin.kind, origin.claim, origin.digest.hex(), format_bytes(origin.bytes)});
  if (!taken.rows.empty()) section.tables.push_back(std::move(taken));
  if (section.tables.empty()) section.paragraphs.push_back("No record tells.");
  return section;
}

// "min_words 50, max_words 100000": the parameters of a filter as they were in force.
std::string parameters_of(const Json& filter) {
  std::string text;
  for (const auto& [name, value] : filter.items()) {
    if (name == "filter" || value.is_null()) continue;
    std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_string()) shown.erase(0, shown.rfind('/') + 1);  // of a path its name: where it lay says nothing to others
    if (shown.size() > 120) shown = fmt::format("({} entries)", value.size());
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, shown);
  }
  return text;
}

Section processing_section(const DatasetFacts& facts) {
  Section section{"What was done to it", {}, {}};
  Table steps{{"run", "step", "made", "summary"}, 4, {}};
  for (const DatasetStep& step : facts.steps)
    steps.rows.push_back({fmt::format("{}", step.run), fmt::format("{} {}", step.step, step.version), step.name, step.note});
  section.tables.push_back(std::move(steps));
  for (const DatasetStep& step : facts.steps) {
    const Json& filters = member(step.config, {"filters"});
    if (step.step != "curate" || !filters.is_array()) continue;
    Table table{{fmt::format("filters of {} (run {})", step.name, step.run), "parameters", "seen", "dropped", "edited"}, 2, {}};
    const Json& counts = member(step.report, {"filters"});
    std::set<std::string> told;
    for (const Json& filter : filters) {
      const Json& name = member(filter, {"filter"});
      std::vector<std::string> row{name.is_string() ? name.get<std::string>() : "?", parameters_of(filter), "not recorded", "",
                                   ""};
      for (const Json& count : counts.is_array() ? counts : Json::array()) {
        if (count.value("filter", "") != row[0] || !told.insert(row[0]).second) continue;
        row[2] = whole(member(count, {"seen"}));
        row[3] = whole(member(count, {"dropped"}));
        row[4] = whole(member(count, {"edited"}));
      }
      table.rows.push_back(std::move(row));
    }
    section.tables.push_back(std::move(table));
  }
  for (const DatasetStep& step : facts.steps) {
    const Json& stages = member(step.report, {"stages"});
    if (step.step != "mix" || !stages.is_array()) continue;
    const std::string unit = step.report.value("unit", "tokens");
    Table table{
        {fmt::format("mixture of {} (run {}): stage", step.name, step.run), "source", "asked, " + unit, "taken", "repeats"},
        2,
        {}};
    for (const Json& stage : stages) {
      for (const Json& source : stage.at("sources")) {
        const Json& taken = source.at("taken");
        table.rows.push_back({stage.at("name").get<std::string>(), source.at("source").get<std::string>(),
                              whole(source.at("asked")), whole(member(taken, {unit.c_str()})),
                              fmt::format("{:.3f}", source.at("repeats").get<double>())});
      }
    }
    section.tables.push_back(std::move(table));
  }
  return section;
}

// All filters of this name, of all curations.
std::vector<std::pair<const DatasetStep*, Json>> filters_named(const DatasetFacts& facts, const std::set<std::string>& names) {
  std::vector<std::pair<const DatasetStep*, Json>> found;
  for (const DatasetStep& step : facts.steps) {
    const Json& filters = member(step.config, {"filters"});
    if (step.step != "curate" || !filters.is_array()) continue;
    for (const Json& filter : filters) {
      if (names.contains(filter.value("filter", ""))) found.emplace_back(&step, filter);
    }
  }
  return found;
}

Json count_of(const DatasetStep& step, const std::string& filter) {
  for (const Json& count : member(step.report, {"filters"}).is_array() ? step.report.at("filters") : Json::array()) {
    if (count.value("filter", "") == filter) return count;
  }
  return nullptr;
}

Section rights_section(const DatasetFacts& facts) {
  Section section{"Opt-outs and personal data", {}, {}};
  for (const auto& [step, filter] : filters_named(facts, {"robots", "signals", "optout", "licence", "url"})) {
    const std::string name = filter.value("filter", "");
    const Json count = count_of(*step, name);
    section.paragraphs.push_back(
        fmt::format("{} in {} (run {}): {} documents dropped.", name, step->name, step->run, whole(member(count, {"dropped"}))));
  }
  if (section.paragraphs.empty())
    section.paragraphs.push_back("No filter of robots.txt, opt-out signals, opt-outs, licences or addresses was applied.");
  const auto scrubbed = filters_named(facts, {"pii"});
  for (const auto& [step, filter] : scrubbed) {
    const Json count = count_of(*step, "pii");
    const std::string parameters = parameters_of(filter);
    section.paragraphs.push_back(
        fmt::format("Personal identifiers were replaced by markers in {} (run {}){}: {} documents edited.", step->name, step->run,
                    parameters.empty() ? "" : ", " + parameters, whole(member(count, {"edited"}))));
  }
  if (scrubbed.empty()) section.paragraphs.push_back("No filter of personal identifiers was applied.");
  Table opted{{"opted out", "received"}, 2, {}};
  for (const DatasetOptOut& one : facts.opt_outs) opted.rows.push_back({one.name, one.received});
  if (!opted.rows.empty()) {
    section.paragraphs.push_back("The register of opt-outs of this workspace, as it stands now:");
    section.tables.push_back(std::move(opted));
  }
  return section;
}

Section files_section(const DatasetFacts& facts) {
  Section section{"Files", {}, {}};
  section.paragraphs.push_back(fmt::format("SHA-256 of the whole (docs/format/tree.md): {}", facts.digest.hex()));
  Table files{{"file", "SHA-256", "bytes"}, 2, {}};
  for (const DatasetFile& file : facts.files) files.rows.push_back({file.path, file.digest.hex(), fmt::format("{}", file.bytes)});
  section.tables.push_back(std::move(files));
  return section;
}

std::vector<Section> sections_of(const DatasetFacts& facts) {
  std::vector<Section> sections{contents_section(facts), origins_section(facts), processing_section(facts), rights_section(facts),
                                files_section(facts)};
  return sections;
}

std::string lead_of(const DatasetFacts& facts) {
  return fmt::format("{}{}SHA-256 {}, made {}.", facts.description, facts.description.empty() ? "" : " ", facts.digest.hex(),
                     facts.made);
}

// A cell of a Markdown table.
std::string cell(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '<' || c == '`' || c == '*' || c == '[') out += '\\';
    out += c;
  }
  return out;
}

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60676f; --line: #d8dce0; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa2aa; --line: #343a40; --paper: #16191c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } p.lead { color: var(--soft); margin-top: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .8rem 0; } th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } tr { break-inside: avoid; } }
)";

}  // namespace

std::string dataset_card_markdown(const DatasetFacts& facts) {
  std::string out = fmt::format("# {}\n\n{}\n", cell(facts.name), cell(lead_of(facts)));
  for (const Section& section : sections_of(facts)) {
    out += fmt::format("\n## {}\n", section.title);
    for (const std::string& paragraph : section.paragraphs) out += "\n" + cell(paragraph) + "\n";
    for (const Table& table : section.tables) {
      out += "\n|";
      for (const std::string& head : table.head) out += fmt::format(" {} |", cell(head));
      out += "\n|";
      for (std::size_t c = 0; c < table.head.size(); ++c) out += c < table.numbers_from ? "---|" : "---:|";
      for (const std::vector<std::string>& row : table.rows) {
        out += "\n|";
        for (const std::string& text : row) out += fmt::format(" {} |", cell(text));
      }
      out += "\n";
    }
  }
  return out;
}

std::string dataset_card_html(const DatasetFacts& facts) {
  std::string out = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>{0}</title><style>{1}</style></head><body><h1>{0}</h1><p class=\"lead\">{2}</p>\n",
      html_escape(facts.name), kStyle, html_escape(lead_of(facts)));
  for (const Section& section : sections_of(facts)) {
    out += fmt::format("<h2>{}</h2>\n", html_escape(section.title));
    for (const std::string& paragraph : section.paragraphs) out += fmt::format("<p>{}</p>\n", html_escape(paragraph));
    for (const Table& table : section.tables) {
      const auto kind = [&table](std::size_t column) { return column < table.numbers_from ? "" : " class=\"n\""; };
      out += "<div class=\"wide\"><table><tr>";
      for (std::size_t c = 0; c < table.head.size(); ++c)
        out += fmt::format("<th{}>{}</th>", kind(c), html_escape(table.head[c]));
      out += "</tr>\n";
      for (const std::vector<std::string>& row : table.rows) {
        out += "<tr>";
        for (std::size_t c = 0; c < row.size(); ++c) out += fmt::format("<td{}>{}</td>", kind(c), html_escape(row[c]));
        out += "</tr>\n";
      }
      out += "</table></div>\n";
    }
  }
  return out + "</body></html>\n";
}

}  // namespace cairn::data
