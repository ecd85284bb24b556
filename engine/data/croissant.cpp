// Croissant 1.0 (MLCommons): the dataset's files, and what a line of them holds, as JSON-LD.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/data/dataset_card.h"

namespace cairn::data {

namespace {

// The terms that the vocabulary's own context defines (docs.mlcommons.org/croissant, version 1.0).
Json context() {
  Json context = {{"@language", "en"},
                  {"@vocab", "https://schema.org/"},
                  {"cr", "http://mlcommons.org/croissant/"},
                  {"rai", "http://mlcommons.org/croissant/RAI/"},
                  {"dct", "http://purl.org/dc/terms/"},
                  {"sc", "https://schema.org/"},
                  {"conformsTo", "dct:conformsTo"},
                  {"data", {{"@id", "cr:data"}, {"@type", "@json"}}},
                  {"dataType", {{"@id", "cr:dataType"}, {"@type", "@vocab"}}},
                  {"examples", {{"@id", "cr:examples"}, {"@type", "@json"}}}};
  for (const char* term : {"citeAs",       "column",        "equivalentProperty",
                           "extract",      "field",         "fileObject",
                           "fileProperty", "fileSet",       "format",
                           "includes",     "isLiveDataset", "jsonPath",
                           "key",          "md5",           "parentField",
                           "path",         "recordSet",     "references",
                           "regex",        "repeated",      "replace",
                           "samplingRate", "separator",     "source",
                           "subField",     "transform"})
    context[term] = std::string("cr:") + term;
  return context;
}

bool is_plain_licence(const std::string& licence) {
  return !licence.empty() && licence.find_first_of(" ()") == std::string::npos && !licence.starts_with("LicenseRef-") &&
         licence != "unknown";
}

// Addresses of the licences that documents state, as SPDX has them; others by name.
Json licences_of(const Json& statistics) {
  Json licences = Json::array();
  for (const Json& one : statistics.at("by_licence").at("listed")) {
    const std::string name = one.at("name").get<std::string>();
    licences.push_back(is_plain_licence(name) ? "https://spdx.org/licenses/" + name : name.empty() ? "unknown" : name);
  }
  if (statistics.at("by_licence").at("others").at("documents").get<std::int64_t>() > 0) licences.push_back("others");
  return licences.size() == 1 ? licences[0] : licences;
}

Json languages_of(const Json& statistics) {
  Json languages = Json::array();
  for (const Json& one : statistics.at("by_language").at("listed")) {
    const std::string name = one.at("name").get<std::string>();
    if (!name.empty() && name != "und") languages.push_back(name);
  }
  return languages;
}

bool is_shard(const std::string& path) {
  return path.ends_with(".jsonl.zst");
}

Json distribution_of(const DatasetFacts& facts) {
  Json list = Json::array();
  Json shards = Json::array();
  for (const DatasetFile& file : facts.files) {
    list.push_back({{"@type", "cr:FileObject"},
                    {"@id", file.path},
                    {"name", file.path},
                    {"contentUrl", file.path},
                    {"contentSize", fmt::format("{} B", file.bytes)},
                    {"encodingFormat", is_shard(file.path) ? "application/zstd" : "application/octet-stream"},
                    {"sha256", file.digest.hex()}});
    if (is_shard(file.path)) shards.push_back({{"@id", file.path}});
  }
  list.push_back({{"@type", "cr:FileSet"},
                  {"@id", "shards"},
                  {"name", "shards"},
                  {"description", "lines of JSON, a document each, compressed with zstd"},
                  {"containedIn", shards},
                  {"encodingFormat", "application/jsonlines"},
                  {"includes", "*.jsonl.zst"}});
  return list;
}

Json field_of(const char* name, const char* path, const char* description) {
  return {{"@type", "cr:Field"},   {"@id", fmt::format("documents/{}", name)},
          {"name", name},          {"description", description},
          {"dataType", "sc:Text"}, {"source", {{"fileSet", {{"@id", "shards"}}}, {"extract", {{"jsonPath", path}}}}}};
}

Json records() {
  return Json::array({{{"@type", "cr:RecordSet"},
                       {"@id", "documents"},
                       {"name", "documents"},
                       {"description", "a document a line"},
                       {"key", {{"@id", "documents/id"}}},
                       {"field", Json::array({field_of("id", "$.id", "sha256: and the hash of the text as ingested"),
                                              field_of("text", "$.text", "the text, after all filters"),
                                              field_of("source", "$.metadata.source", "package, dataset or registrable domain"),
                                              field_of("url", "$.metadata.url", "address, or path inside of the source"),
                                              field_of("licence", "$.metadata.licence", "SPDX expression, or unknown"),
                                              field_of("language", "$.metadata.language", "BCP 47, or und"),
                                              field_of("retrieved", "$.metadata.retrieved", "ISO 8601")})}}});
}

// What was done, a sentence for each run: "clean (run 2): curate 8: 4,931 documents kept; filters robots, pii, gopher_quality".
Json protocol_of(const DatasetFacts& facts) {
  Json protocol = Json::array();
  for (const DatasetStep& step : facts.steps) {
    std::string filters;
    if (step.config.is_object() && step.config.contains("filters") && step.config.at("filters").is_array()) {
      for (const Json& filter : step.config.at("filters"))
        filters += (filters.empty() ? "; filters " : ", ") + filter.value("filter", std::string());
    }
    protocol.push_back(fmt::format("{} (run {}): {} {}: {}{}", step.name, step.run, step.step, step.version, step.note, filters));
  }
  return protocol;
}

std::string personal_data_of(const DatasetFacts& facts) {
  std::set<std::string> by;
  for (const DatasetStep& step : facts.steps) {
    if (step.step != "curate" || !step.config.contains("filters")) continue;
    for (const Json& filter : step.config.at("filters")) {
      if (filter.value("filter", std::string()) == "pii") by.insert(step.name);
    }
  }
  return by.empty() ? "No filter of personal identifiers was applied."
                    : fmt::format("Personal identifiers were replaced by markers in {}.", fmt::join(by, ", "));
}

}  // namespace

Json croissant_json(const DatasetFacts& facts) {
  Json json = {{"@context", context()},
               {"@type", "sc:Dataset"},
               {"conformsTo", "http://mlcommons.org/croissant/1.0"},
               {"name", facts.name},
               {"description",
                facts.description.empty() ? fmt::format("Text documents, SHA-256 {}.", facts.digest.hex()) : facts.description},
               {"url", facts.url.empty() ? "urn:sha256:" + facts.digest.hex() : facts.url},
               {"identifier", "sha256:" + facts.digest.hex()},
               {"version", facts.version},
               {"datePublished", facts.made.substr(0, 10)},
               {"license", licences_of(facts.statistics)},
               {"inLanguage", languages_of(facts.statistics)},
               {"citeAs", fmt::format("{}, version {}, SHA-256 {}", facts.name, facts.version, facts.digest.hex())},
               {"rai:dataPreprocessingProtocol", protocol_of(facts)},
               {"rai:personalSensitiveInformation", personal_data_of(facts)},
               {"distribution", distribution_of(facts)},
               {"recordSet", records()}};
  if (!facts.creator.empty()) json["creator"] = {{"@type", "sc:Organization"}, {"name", facts.creator}};
  return json;
}

}  // namespace cairn::data
