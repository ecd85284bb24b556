#include "lineage/exports/model_card.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"

namespace cairn::lineage {

namespace {

// A cell of a Markdown table.
std::string cell(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

std::string table_of(const std::map<std::string, Tally>& sums, const char* heading) {
  std::string text = fmt::format("| {} | documents | text |\n|---|---:|---:|\n", heading);
  for (const auto& [name, sum] : sums) {
    text += fmt::format("| {} | {} | {} |\n", cell(name.empty() ? "not stated" : name), sum.documents,
                        format_bytes(static_cast<std::uint64_t>(sum.text_bytes)));
  }
  return text;
}

std::string languages_head(const ReleaseContents& contents) {
  std::string lines;
  for (const auto& [name, sum] : tallies(contents, "by_language")) {
    const bool plain =
        !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '-'; });
    if (plain && name != "und") lines += fmt::format("- \"{}\"\n", name);
  }
  return lines.empty() ? "" : "language:\n" + lines;
}

// A path inside or beside the workspace without the way up to it: what a reader recognises.
std::string plain_path(const std::string& path) {
  const std::size_t last_up = path.rfind("../");
  return last_up == std::string::npos ? path : path.substr(last_up + 3);
}

std::string data_section(const ReleaseContents& contents) {
  std::string text = "## Data\n\n";
  const auto sources = tallies(contents, "by_source"), licences = tallies(contents, "by_licence"),
             languages = tallies(contents, "by_language");
  if (sources.empty()) {
    text += "Sources: to be provided (no report upstream counts them).\n\n";
  } else {
    text += "As ingested, before curation.\n\n" + table_of(sources, "source") + "\n";
  }
  text += licences.empty() ? "Licences: to be provided.\n\n" : table_of(licences, "licence") + "\n";
  if (!languages.empty()) text += table_of(languages, "language") + "\n";

  std::string adopted;
  for (const Record& record : contents.records) {
    if (!record.adoption) continue;
    const RecordedAdoption& adoption = *record.adoption;
    adopted += fmt::format("| {} | {} | {} | `{}` |\n", cell(plain_path(adoption.path)), adoption.artifact.kind,
                           cell(adoption.claim.empty() ? trust_name(adoption.trust) : adoption.claim),
                           adoption.artifact.content.digest.short_hex());
  }
  if (!adopted.empty())
    text += "Taken as found:\n\n| name | kind | origin as claimed | SHA-256 |\n|---|---|---|---|\n" + adopted + "\n";

  std::map<std::string, std::pair<std::int64_t, std::int64_t>> packed;
  for (const Record& record : contents.records) {
    if (!record.run) continue;
    for (const Posting& posting : record.run->postings) {
      if (posting.tokens == 0) continue;
      packed[posting.source].first += posting.documents;
      packed[posting.source].second += posting.tokens;
    }
  }
  if (!packed.empty()) {
    text += "Packed for training:\n\n| source | documents | tokens |\n|---|---:|---:|\n";
    for (const auto& [source, sum] : packed) text += fmt::format("| {} | {} | {} |\n", cell(source), sum.first, sum.second);
    text += "\n";
  }
  return text;
}

std::string facts_of(const SealedOutput& output) {
  std::string facts;
  const Json meta = parse_json(output.meta, "meta");
  for (const auto& [key, value] : meta.items()) {
    if (value.is_structured()) continue;
    facts += fmt::format("{}{} {}", facts.empty() ? "" : ", ", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return facts;
}

std::string runs_section(const ReleaseContents& contents) {
  std::string steps, configs, repetitions;
  for (const Record& record : contents.records) {
    if (!record.run) continue;
    const NewRun& start = record.run->start;
    if (is_repetition(contents, *record.run)) {
      for (const SealedOutput& output : record.run->outputs) {
        repetitions += fmt::format("| {} | {} `{}` | {} |\n", start.op, output.role, output.content.digest.short_hex(),
                                   record.run->reproduction_of->text());
      }
      continue;
    }
    for (const SealedOutput& output : record.run->outputs) {
      steps += fmt::format("| {} | {} | {} `{}` | {} |\n", start.op, start.op_version, output.role,
                           output.content.digest.short_hex(), cell(facts_of(output)));
    }
    configs += fmt::format("<details><summary>{} (seed {})</summary>\n\n```json\n{}```\n\n</details>\n\n", start.op, start.seed,
                           pretty_json(parse_json(start.config, "config")));
  }
  std::string text = "## How it was made\n\n| step | version | output | facts |\n|---|---:|---|---|\n" + steps;
  if (!repetitions.empty()) {
    text += "\nMade again from its record, with the same bits:\n\n| step | output | first run |\n|---|---|---|\n" + repetitions;
  }
  return text + "\n`pipeline.json` makes it again. Configurations, with every default written out:\n\n" + configs;
}

std::string evaluation_section(const ReleaseContents& contents) {
  std::string rows;
  for (const auto& [file, evaluation] : contents.evaluations) {
    if (!evaluation.is_object() || !evaluation.contains("results")) continue;
    for (const auto& [task, values] : evaluation.at("results").items()) {
      for (const auto& [metric, value] : values.items()) {
        if (!value.is_number() || metric.find("_stderr") != std::string::npos || metric == "sample_len") continue;
        rows += fmt::format("| {} | {} | {} | `{}` |\n", cell(task), cell(metric), value.dump(), file);
      }
    }
  }
  if (rows.empty()) return "## Evaluation\n\nTo be provided (no recorded evaluation of these weights).\n\n";
  return "## Evaluation\n\nMeasured on exactly these weights.\n\n| task | metric | value | file |\n|---|---|---:|---|\n" + rows +
         "\n";
}

}  // namespace

std::string model_card(const ReleaseContents& contents) {
  std::string text = "---\nlibrary_name: transformers\n" + languages_head(contents) + "tags:\n- cairn\n---\n\n";
  text += fmt::format(
      "# {}\n\nA {} made and recorded with Cairn. Everything below is generated from the run records in `records/`.\n\n",
      contents.name, contents.kind);
  text +=
      fmt::format("- Artifact: `sha256:{}`, in `model/`\n- Check this folder: `cairn audit FOLDER`\n\n", contents.artifact.hex());
  return text + data_section(contents) + runs_section(contents) + evaluation_section(contents) +
         "## Licence, intended use, contact\n\nTo be provided.\n";
}

}  // namespace cairn::lineage
