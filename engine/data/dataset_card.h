// The data card of a dataset: what it holds, where it comes from, what was done to it, as one page of Markdown or HTML, and as
// Croissant metadata (MLCommons, version 1.0: JSON-LD that data sets' search engines and the package mlcroissant read).
//
// All three are functions of the facts alone. What nobody recorded is said to be missing, never guessed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json.h"

namespace cairn::data {

struct DatasetFile {
  std::string path;  // in the dataset
  std::uint64_t bytes = 0;
  Digest digest;
};

// A run that the dataset comes from.
struct DatasetStep {
  std::int64_t run = 0;
  std::string name;  // as people call what it made: "clean", "corpus"
  std::string step;
  int version = 1;
  std::string started;  // ISO 8601
  std::string note;     // its summary
  Json config;          // with defaults
  std::uint64_t seed = 0;
  Json report;  // that it wrote; null when it wrote none, or it is not here
};

// What was taken from outside the workspace.
struct DatasetOrigin {
  std::string name, kind, claim;  // claim: as whoever adopted it said; else how it is trusted
  Digest digest;
  std::uint64_t bytes = 0;
};

struct DatasetOptOut {
  std::string name, received;
};

struct DatasetFacts {
  std::string name, description, url, version = "1.0.0", creator;
  Digest digest;
  std::string made;  // ISO 8601: when its run ended
  std::vector<DatasetFile> files;
  Json statistics;                 // of describe (DatasetStatistics::json)
  std::vector<DatasetStep> steps;  // in order of their runs
  std::vector<DatasetOrigin> origins;
  std::vector<DatasetOptOut> opt_outs;  // of the workspace's register
};

std::string dataset_card_markdown(const DatasetFacts& facts);
std::string dataset_card_html(const DatasetFacts& facts);  // one file, light and dark, without scripts
Json croissant_json(const DatasetFacts& facts);

}  // namespace cairn::data
