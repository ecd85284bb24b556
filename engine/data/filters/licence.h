// licence: keeps documents whose licence is on a list.
//
// Entries are SPDX identifiers; "*" at the end stands for any rest ("GPL-*"). In a document's licence, A OR B needs one of the
// two on the list, A AND B needs both (OR binds weaker, no parentheses). Case does not matter.
#pragma once

#include "engine/data/filters/filter.h"

namespace cairn::data {

struct LicenceParams {
  std::vector<std::string> allow;
};

class LicenceFilter : public Filter {
 public:
  explicit LicenceFilter(LicenceParams params) : params_(std::move(params)) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  bool allows(std::string_view expression) const;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  LicenceParams params_;
};

}  // namespace cairn::data
