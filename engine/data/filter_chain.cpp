#include "engine/data/filter_chain.h"

#include <algorithm>

#include "base/error.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/classify.h"
#include "engine/data/filters/decontaminate.h"
#include "engine/data/filters/exact_dedup.h"
#include "engine/data/filters/fineweb2.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/filters/language.h"
#include "engine/data/filters/licence.h"
#include "engine/data/filters/minhash.h"
#include "engine/data/filters/optout.h"
#include "engine/data/filters/paragraph_dedup.h"
#include "engine/data/filters/percentile.h"
#include "engine/data/filters/pii.h"
#include "engine/data/filters/robots.h"
#include "engine/data/filters/signals.h"
#include "engine/data/filters/substring_dedup.h"
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
      {SignalFilter::variant, SignalFilter::make, {"robots", "tdmrep"}, SignalFilter::make_with_files},
      {OptOutFilter::variant, nullptr, {"file"}, OptOutFilter::make},
      {UrlFilter::variant, nullptr, {"file", "suffixes"}, UrlFilter::make},
      {LanguageFilter::variant, nullptr, {"file"}, LanguageFilter::make},
      {LicenceFilter::variant, LicenceFilter::make},
      {PiiFilter::variant, PiiFilter::make},
      {GopherQualityFilter::variant, GopherQualityFilter::make},
      {GopherRepetitionFilter::variant, GopherRepetitionFilter::make},
      {C4Filter::variant, C4Filter::make},
      {FineWebQualityFilter::variant, FineWebQualityFilter::make},
      {FineWeb2Filter::variant, nullptr, {"file", "chinese_words", "thai_words", "japanese_words"}, FineWeb2Filter::make},
      {ClassifyFilter::variant, nullptr, {"file"}, ClassifyFilter::make},
      {Decontaminate::variant, nullptr, {"file"}, Decontaminate::make},
      {ScoreFilter::variant, ScoreFilter::make},
  };
  return all;
}

// And all that compare documents.
struct DeduplicatorKind {
  Variant (*variant)();
  std::unique_ptr<Deduplicator> (*make)(const Config&);
};

const std::vector<DeduplicatorKind>& deduplicator_kinds() {
  static const std::vector<DeduplicatorKind> all = {
      {ExactDedup::variant, ExactDedup::make},         {MinHashDedup::variant, MinHashDedup::make},
      {ParagraphDedup::variant, ParagraphDedup::make}, {PercentileRule::variant, PercentileRule::make},
      {SubstringDedup::variant, SubstringDedup::make},
  };
  return all;
}

}  // namespace

Schema filter_chain_schema() {
  std::vector<Variant> variants;
  for (const FilterKind& kind : kinds()) variants.push_back(kind.variant());
  for (const DeduplicatorKind& kind : deduplicator_kinds()) variants.push_back(kind.variant());
  return list(tagged("filter", std::move(variants)));
}

std::vector<std::filesystem::path> files_of_filters(const std::vector<Config>& filters) {
  std::vector<std::filesystem::path> files;
  for (const Config& config : filters) {
    for (const FilterKind& kind : kinds()) {
      if (kind.variant().name != config.string("filter")) continue;
      for (const char* field : kind.file_fields) {
        if (config.has(field)) files.emplace_back(config.string(field));
      }
    }
  }
  return files;
}

std::vector<Stage> make_filter_chain(const std::vector<Config>& filters, const std::vector<std::filesystem::path>& files) {
  std::vector<Stage> stages(1);
  std::size_t file = 0;
  for (const Config& config : filters) {
    const std::string name = config.string("filter");
    const auto deduplicator = std::find_if(deduplicator_kinds().begin(), deduplicator_kinds().end(),
                                           [&name](const DeduplicatorKind& kind) { return kind.variant().name == name; });
    if (deduplicator != deduplicator_kinds().end()) {
      // What looks at texts after one that cuts them looks at what is left.
      if (!stages.back().deduplicators.empty() && stages.back().deduplicators.back()->cuts()) stages.emplace_back();
      stages.back().deduplicators.push_back(deduplicator->make(config));
    } else {
      if (!stages.back().deduplicators.empty()) stages.emplace_back();
      bool known = false;
      for (const FilterKind& kind : kinds()) {
        if (kind.variant().name != name) continue;
        std::vector<std::filesystem::path> own;
        for (const char* field : kind.file_fields) {
          if (!config.has(field)) continue;  // one that may be left out, and then stands last
          const std::filesystem::path given = config.string(field);
          own.push_back(file < files.size() ? files[file] : given);
          ++file;
        }
        std::unique_ptr<Filter> filter = own.empty() ? kind.make(config) : kind.make_with_files(config, own);
        std::vector<Statistic> statistics = filter->statistics();
        stages.back().filters.push_back({name, std::move(filter), std::move(statistics)});
        known = true;
      }
      if (!known) fail_usage("unknown filter '{}'", name);
    }
  }
  return stages;
}

std::vector<const Deduplicator*> deduplicators_of(const std::vector<Stage>& stages) {
  std::vector<const Deduplicator*> all;
  for (const Stage& stage : stages) {
    for (const auto& deduplicator : stage.deduplicators) all.push_back(deduplicator.get());
  }
  return all;
}

std::vector<std::string> filter_names(const std::vector<Stage>& stages) {
  std::vector<std::string> names;
  for (const Stage& stage : stages) {
    for (const NamedFilter& filter : stage.filters) names.push_back(filter.name);
    for (const auto& deduplicator : stage.deduplicators) names.push_back(deduplicator->name());
  }
  return names;
}

}  // namespace cairn::data
