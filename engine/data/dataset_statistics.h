// What a data card counts of a folder of documents: how many, how long, of whom, in which language, under which licence.
//
// All of it are whole numbers that add up, so that parts may be counted apart, by any thread, and joined in any order.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/json_fwd.h"
#include "engine/data/document.h"

namespace cairn::data {

struct DatasetAmount {
  std::int64_t documents = 0, bytes = 0, characters = 0, tokens = 0;  // bytes and characters of text; tokens 0 when not counted
  DatasetAmount& operator+=(const DatasetAmount& other);
  bool operator==(const DatasetAmount&) const = default;
};

// Lengths by powers of two: class 0 counts nothing at all, class c lengths of 2^(c-1) to 2^c - 1.
class LengthHistogram {
 public:
  void add(std::int64_t length);
  void add(const LengthHistogram& other);
  Json json() const;  // [{"from", "to", "documents"}] without the classes at either end that are empty; and least, most

 private:
  std::array<std::int64_t, 65> counts_{};
  std::int64_t least_ = -1, most_ = 0;
};

class DatasetStatistics {
 public:
  // `tokens`: of the document; -1 when they are not counted. `site`: as url_key's hosts, "" when it has no address on the web.
  void add(const Document& document, std::int64_t tokens, const std::string& site);
  void add(const DatasetStatistics& other);

  const DatasetAmount& total() const { return total_; }
  // Groups by source, language, licence, site and year of retrieval: the `listed` with most text, the others together. Error when
  // a grouping does not come to the total.
  Json json(std::size_t listed) const;

 private:
  using Groups = std::map<std::string, DatasetAmount, std::less<>>;
  Json groups_json(const char* what, const Groups& groups, std::size_t listed) const;

  DatasetAmount total_;
  bool counts_tokens_ = false;
  Groups by_source_, by_language_, by_licence_, by_site_, by_year_;
  LengthHistogram bytes_, tokens_;
};

}  // namespace cairn::data
