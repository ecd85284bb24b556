// licence: keeps documents whose licence is allowed and not denied.
//
// A document's licence is an SPDX expression with its evidence (licences/licence_marks.h): declared for its source or domain,
// stated by its data set, or found on its page. A OR B needs one of the two, A AND B both; OR binds weaker, parentheses group; "A
// WITH exception" is judged by the whole and by A. Entries of the lists are identifiers in which "*" stands for anything
// ("CC-BY-*", "*-NC-*"); case does not matter.
#pragma once

#include <map>

#include "engine/data/filters/filter.h"

namespace cairn::data {

struct LicenceParams {
  std::vector<std::string> allow = {};  // empty: every licence that is known
  std::vector<std::string> deny = {};   // before `allow`
  bool keep_unknown = false;
  // By source, or by a domain with all below it: before what was found or stated.
  std::map<std::string, std::string> declared = {};
  // Which evidence counts; without, a licence is unknown. declared: of a source, a domain or a data set.
  enum class Trust { any, machine_readable, declared } trust = Trust::any;
  bool from_text = false;  // where it is unknown, look for marks in the document's text
};

class LicenceFilter : public Filter {
 public:
  explicit LicenceFilter(LicenceParams params);
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  bool allows(std::string_view expression) const;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  // Licence and evidence that count for a document; "unknown" where there is none.
  struct Standing {
    std::string licence, evidence;
  };
  Standing standing_of(const Document& document) const;

  LicenceParams params_;
};

}  // namespace cairn::data
