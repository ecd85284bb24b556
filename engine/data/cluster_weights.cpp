#include "engine/data/cluster_weights.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/json_line.h"
#include "engine/data/mix_plan.h"

namespace cairn::data {

namespace {

// Spec/data.md §2.5: 1 -> 1, 2 -> 2, 3 and 4 -> 3, 5 to 99 -> 5, 100 to 999 -> 8, 1000 and more -> 1.
constexpr std::pair<std::int64_t, double> kFineWeb2[] = {{1, 1}, {2, 2}, {3, 3}, {5, 5}, {100, 8}, {1000, 1}};

struct ClusterLine {
  std::string id, url, filter;
  bool kept = false;
  std::int64_t size = 0;
};

ClusterLine parse(std::string_view text) {
  const Json json = parse_json(text, "cluster");
  const auto wants = [&](const char* name, bool right, const char* expected) {
    if (!right) fail("expected {} in \"{}\"", expected, name);
  };
  if (!json.is_object()) fail("expected an object");
  for (const char* name : {"id", "url", "filter"}) wants(name, json.contains(name) && json.at(name).is_string(), "a string");
  wants("kept", json.contains("kept") && json.at("kept").is_boolean(), "true or false");
  wants("size", json.contains("size") && json.at("size").is_number_integer() && json.at("size") >= 1, "a number from 1 on");
  return {json.at("id").get<std::string>(), json.at("url").get<std::string>(), json.at("filter").get<std::string>(),
          json.at("kept").get<bool>(), json.at("size").get<std::int64_t>()};
}

}  // namespace

Schema cluster_weights_schema() {
  return object({
      field("filter", string().min(1).def("minhash"), "the deduplicator whose clusters count"),
      field("weights",
            list(object({field("from", integer().min(1), "documents in the cluster, at least"),
                         field("weight", number().min(0).max(1000), "copies; 2.5 is two, or with even odds three")}))
                .def(nullptr),
            "by size, ascending from 1; FineWeb-2's when left out: 1, 2 (from 2), 3 (3), 5 (5), 8 (100), 1 (1000)"),
  });
}

ClusterWeights::ClusterWeights(const Config& config, const std::vector<steps::StepInput>& reports) {
  if (reports.empty()) fail_usage("config.rehydrate: needs the input 'clusters': the report of the curation that found them");
  if (config.has("weights")) {
    for (const Config& one : config.objects("weights")) weights_.emplace_back(one.integer("from"), one.number("weight"));
  } else {
    weights_.assign(std::begin(kFineWeb2), std::end(kFineWeb2));
  }
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (i == 0 ? weights_[i].first != 1 : weights_[i].first <= weights_[i - 1].first)
      fail_usage("config.rehydrate.weights[{}].from: {}; sizes begin with 1 and grow", i, weights_[i].first);
  }
  if (weights_.empty()) fail_usage("config.rehydrate.weights: empty");
  for (const steps::StepInput& report : reports) {
    const fs::path file = report.path / "clusters.jsonl";
    if (!fs::exists(file)) fail("{}: no clusters.jsonl in this report; a curation with a deduplicator writes it", report.label);
    read(file, config.string("filter"));
  }
}

void ClusterWeights::read(const fs::path& file, const std::string& filter) {
  const MappedFile mapped(file);
  const std::string_view text = mapped.text();
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    ++number;
    try {
      const ClusterLine line = parse(text.substr(begin, end - begin));
      if (line.kept && line.filter == filter) sizes_[mix_key(line.id, line.url, 0)] = line.size;
    } catch (const Error& error) {
      fail("{}: line {}: {}", file.filename().string(), number, error.what());
    }
    begin = end + 1;
  }
}

double ClusterWeights::of(std::string_view id, std::string_view url) const {
  const auto found = sizes_.find(mix_key(id, url, 0));
  return of_size(found == sizes_.end() ? 1 : found->second);
}

double ClusterWeights::of_size(std::int64_t documents) const {
  const auto above = std::upper_bound(weights_.begin(), weights_.end(), documents,
                                      [](std::int64_t size, const auto& weight) { return size < weight.first; });
  return above == weights_.begin() ? weights_.front().second : std::prev(above)->second;
}

}  // namespace cairn::data
