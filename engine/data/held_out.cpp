#include "engine/data/held_out.h"

#include <algorithm>

#include "base/json.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

HeldOut::HeldOut(const Config& config, std::uint64_t seed)
    : fraction_(config.number("fraction")), least_(static_cast<std::size_t>(config.integer("least"))), seed_(seed) {}

HeldOut::Draw HeldOut::draw(std::string_view id, DocumentNumber document) const {
  return {xxhash64(id, seed_), document};
}

void HeldOut::add(Language& language, const Draw& draw) const {
  std::vector<Draw>& first = language.first;
  if (first.size() == least_ && (least_ == 0 || first.back() < draw)) return;
  first.insert(std::lower_bound(first.begin(), first.end(), draw), draw);
  if (first.size() > least_) first.pop_back();
}

void HeldOut::see(std::string_view name, std::string_view id, DocumentNumber document) {
  auto language = languages_.find(name);
  if (language == languages_.end()) language = languages_.emplace(name, Language{}).first;
  ++language->second.documents;
  add(language->second, draw(id, document));
}

void HeldOut::merge(const Workbench& bench) {
  Json own = Json::object();
  for (const auto& [name, language] : languages_) own[name] = {language.documents, language.first};
  languages_.clear();
  for (const std::string& said : bench.share("held-out", own.dump())) {
    const Json seen_there = parse_json(said, "held-out");
    for (const auto& [name, seen] : seen_there.items()) {
      Language& language = languages_[name];
      language.documents += seen.at(0).get<std::uint64_t>();
      for (const Json& one : seen.at(1)) add(language, {one.at(0).get<std::uint64_t>(), one.at(1).get<DocumentNumber>()});
    }
  }
}

bool HeldOut::holds(std::string_view name, std::string_view id, DocumentNumber document) const {
  if (!any()) return false;
  const Language& language = languages_.find(name)->second;
  const Draw own = draw(id, document);
  return static_cast<double>(own.first) < fraction_ * 18446744073709551616.0 ||
         (least_ > 0 && language.documents >= 10 * least_ && own <= language.first.back());
}

}  // namespace cairn::data
