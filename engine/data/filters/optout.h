// optout: drops documents of those who asked for it (optout.h), whenever they were fetched.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/data/filters/filter.h"
#include "engine/data/optout.h"

namespace cairn::data {

class OptOutFilter : public Filter {
 public:
  explicit OptOutFilter(const std::filesystem::path& folder) : register_(folder) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  OptOutRegister register_;
};

}  // namespace cairn::data
