#include "engine/data/filter_chain.h"

#include "base/error.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/filters/licence.h"
#include "engine/data/filters/pii.h"

namespace cairn::data {

namespace {

// All filters of the program. A new one is a file in filters/ and a line here.
struct FilterKind {
  Variant (*variant)();
  std::unique_ptr<Filter> (*make)(const Config&);
};
constexpr FilterKind kKinds[] = {
    {LicenceFilter::variant, LicenceFilter::make},
    {PiiFilter::variant, PiiFilter::make},
    {GopherQualityFilter::variant, GopherQualityFilter::make},
    {GopherRepetitionFilter::variant, GopherRepetitionFilter::make},
    {C4Filter::variant, C4Filter::make},
    {FineWebQualityFilter::variant, FineWebQualityFilter::make},
};

}  // namespace

Schema filter_chain_schema() {
  std::vector<Variant> variants;
  for (const FilterKind& kind : kKinds) variants.push_back(kind.variant());
  variants.push_back(exact_dedup_variant());
  variants.push_back(minhash_variant());
  return list(tagged("filter", std::move(variants)));
}

std::vector<Stage> make_filter_chain(const std::vector<Config>& filters) {
  std::vector<Stage> stages(1);
  for (const Config& config : filters) {
    const std::string name = config.string("filter");
    if (name == "exact_dedup") {
      stages.back().deduplicators.push_back({name, exact_dedup_params(config)});
    } else if (name == "minhash") {
      stages.back().deduplicators.push_back({name, minhash_params(config)});
    } else {
      if (!stages.back().deduplicators.empty()) stages.emplace_back();
      bool known = false;
      for (const FilterKind& kind : kKinds) {
        if (kind.variant().name != name) continue;
        stages.back().filters.push_back({name, kind.make(config)});
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
