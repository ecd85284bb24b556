#include "engine/data/filter_chain.h"

#include "base/error.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/filters/language.h"
#include "engine/data/filters/licence.h"
#include "engine/data/filters/optout.h"
#include "engine/data/filters/pii.h"
#include "engine/data/filters/robots.h"
#include "engine/data/filters/url.h"

namespace cairn::data {

namespace {

// All filters of the program. A new one is a file in filters/ and a line here.
struct FilterKind {
  Variant (*variant)();
  std::unique_ptr<Filter> (*make)(const Config&);
  // Of those that name files: the fields that do, and another way to make it.
  std::vector<const char*> file_fields = {};
  std::unique_ptr<Filter> (*make_with_files)(const Config&, const std::vector<std::filesystem::path>&) = nullptr;
};

const std::vector<FilterKind>& kinds() {
  static const std::vector<FilterKind> all = {
      {RobotsFilter::variant, nullptr, {"file"}, RobotsFilter::make},
      {OptOutFilter::variant, nullptr, {"file"}, OptOutFilter::make},
      {UrlFilter::variant, nullptr, {"file", "suffixes"}, UrlFilter::make},
      {LanguageFilter::variant, nullptr, {"file"}, LanguageFilter::make},
      {LicenceFilter::variant, LicenceFilter::make},
      {PiiFilter::variant, PiiFilter::make},
      {GopherQualityFilter::variant, GopherQualityFilter::make},
      {GopherRepetitionFilter::variant, GopherRepetitionFilter::make},
      {C4Filter::variant, C4Filter::make},
      {FineWebQualityFilter::variant, FineWebQualityFilter::make},
  };
  return all;
}

}  // namespace

Schema filter_chain_schema() {
  std::vector<Variant> variants;
  for (const FilterKind& kind : kinds()) variants.push_back(kind.variant());
  variants.push_back(exact_dedup_variant());
  variants.push_back(minhash_variant());
  return list(tagged("filter", std::move(variants)));
}

std::vector<std::filesystem::path> files_of_filters(const std::vector<Config>& filters) {
  std::vector<std::filesystem::path> files;
  for (const Config& config : filters) {
    for (const FilterKind& kind : kinds()) {
      if (kind.variant().name != config.string("filter")) continue;
      for (const char* field : kind.file_fields) files.emplace_back(config.string(field));
    }
  }
  return files;
}

std::vector<Stage> make_filter_chain(const std::vector<Config>& filters, const std::vector<std::filesystem::path>& files) {
  std::vector<Stage> stages(1);
  std::size_t file = 0;
  for (const Config& config : filters) {
    const std::string name = config.string("filter");
    if (name == "exact_dedup") {
      stages.back().deduplicators.push_back({name, exact_dedup_params(config)});
    } else if (name == "minhash") {
      stages.back().deduplicators.push_back({name, minhash_params(config)});
    } else {
      if (!stages.back().deduplicators.empty()) stages.emplace_back();
      bool known = false;
      for (const FilterKind& kind : kinds()) {
        if (kind.variant().name != name) continue;
        std::vector<std::filesystem::path> own;
        for (const char* field : kind.file_fields) {
          const std::filesystem::path given = config.string(field);
          own.push_back(file < files.size() ? files[file] : given);
          ++file;
        }
        std::unique_ptr<Filter> filter = own.empty() ? kind.make(config) : kind.make_with_files(config, own);
        stages.back().filters.push_back({name, std::move(filter)});
        known = true;
      }
      if (!known) fail_usage("unknown filter '{}'", name);
    }
  }
  return stages;
}

std::vector<std::string> filter_names(const std::vector<Stage>& stages) {
  std::vector<std::string> names;
  for (const Stage& stage : stages) {
    for (const NamedFilter& filter : stage.filters) names.push_back(filter.name);
    for (const Deduplicator& deduplicator : stage.deduplicators) names.push_back(deduplicator.name);
  }
  return names;
}

}  // namespace cairn::data
