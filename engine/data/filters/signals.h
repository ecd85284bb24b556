// signals: drops documents whose site or page keeps them from training by one of a list of signals (engine/data/signals/).
//
// The evidence holds every signal line of the document, of kept ones too ("none" when there is no line), so that `cairn signals`
// can judge them again under another list, other agents or another date without the documents. The rule is the first signal
// of the table that counted.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/data/filters/filter.h"
#include "engine/data/signals/signals.h"
#include "engine/data/signals/site_lines.h"

namespace cairn::data {

struct SignalParams {
  std::vector<std::size_t> signals;  // that count, as signals_named() makes them
  std::vector<std::string> agents;   // as robots_agents() makes them
  std::string date;  // of the files, and the day that unavailable_after is held against (else the day of retrieval)
};

class SignalFilter : public Filter {
 public:
  SignalFilter(SignalParams params, SiteLines site) : params_(std::move(params)), site_(std::move(site)) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Statistic> statistics() const override;

  const SignalParams& params() const { return params_; }
  const SiteLines& site() const { return site_; }
  // What is said of an address by its page's own lines and the site's files.
  std::vector<SignalLine> lines_of(std::string_view page_lines, const std::string& url) const;
  // `answer`, where it is not nullptr, gets what all lines say, whether it counts or not.
  Judgement judge_lines(const std::vector<SignalLine>& lines, const std::string& retrieved, SignalAnswer* answer = nullptr) const;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);
  static std::unique_ptr<Filter> make_with_files(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  SignalParams params_;
  SiteLines site_;
};

inline constexpr std::string_view kEvidenceSeparator = " | ";

}  // namespace cairn::data
