#include "engine/data/filters/optout.h"

#include <fmt/format.h>

namespace cairn::data {

Judgement OptOutFilter::judge(const Document& document, TextAnalysis&) const {
  const OptOut* entry = register_.covering(document.source, document.url);
  if (entry == nullptr) return keep();
  Judgement judgement = drop("opted_out", fmt::format("{} opted out, received {}", entry->name, entry->received));
  judgement.evidence = "request sha256:" + entry->evidence;
  return judgement;
}

Variant OptOutFilter::variant() {
  return {"optout",
          {field("file", string().min(1), "folder of the register that `cairn optout` keeps")},
          "drop documents of domains and sources that opted out"};
}

std::unique_ptr<Filter> OptOutFilter::make(const Config&, const std::vector<std::filesystem::path>& files) {
  return std::make_unique<OptOutFilter>(files.at(0));
}

}  // namespace cairn::data
