// Finding the document that a person means, among all that the curations of a workspace have seen.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/decisions.h"
#include "lineage/docmap.h"
#include "lineage/workspace.h"

namespace cairn::app {

// One run of `curate` and what it decided.
struct Curation {
  lineage::Run run;
  std::string name;  // "clean": the name of its outputs, else "curate"
  data::Decisions decisions;
};

// All of a workspace, newest first, but for reproductions. Those that cannot be read, because an older program wrote them or
// their bytes are gone, are left out with a warning; `left_out` gets their number.
std::vector<Curation> curations_of(lineage::Workspace& workspace, std::size_t* left_out = nullptr);

Json decision_json(const data::Decision& decision);

class DocumentSearch {
 public:
  static constexpr std::size_t kMostFound = 20;

  explicit DocumentSearch(lineage::Workspace& workspace) : curations_(curations_of(workspace, &left_out_)) {}

  const std::vector<Curation>& curations() const { return curations_; }  // newest first
  std::size_t left_out() const { return left_out_; }                     // that are there but cannot be read
  // What `text` means: an address, an id or its first letters, the end of an address, the beginning of one; of these, what is
  // found in the first way that finds anything.
  std::vector<std::pair<const Curation*, data::Decision>> find(const std::string& text) const;
  // The address of a document of a docmap; empty when no curation has seen it.
  std::string address_of(const lineage::DocumentKey& key) const;

 private:
  std::size_t left_out_ = 0;
  std::vector<Curation> curations_;
};

}  // namespace cairn::app
