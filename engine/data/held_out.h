// Which kept documents are set aside for evaluation: chosen by a hash of id and seed, a share of each language, and at least so
// many documents of every language that has ten times as many.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/schema.h"
#include "engine/data/document_number.h"
#include "engine/data/exchange.h"

namespace cairn::data {

class HeldOut {
 public:
  HeldOut(const Config& config, std::uint64_t seed);  // "fraction", "least"

  bool any() const { return fraction_ > 0; }
  void see(std::string_view language, std::string_view id, DocumentNumber document);  // each that is kept, in any order
  void merge(const Workbench& bench);  // after the last, with what the other ranks have seen
  bool holds(std::string_view language, std::string_view id, DocumentNumber document) const;

 private:
  using Draw = std::pair<std::uint64_t, DocumentNumber>;
  struct Language {
    std::uint64_t documents = 0;
    std::vector<Draw> first{};  // the least draws, in order
  };
  Draw draw(std::string_view id, DocumentNumber document) const;
  void add(Language& language, const Draw& draw) const;

  double fraction_;
  std::size_t least_;
  std::uint64_t seed_;
  std::map<std::string, Language, std::less<>> languages_;
};

}  // namespace cairn::data
