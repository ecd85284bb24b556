// Finding the document that a person means, among all that the curations of a workspace have seen.
#pragma once

#include <string>
#include <utility>
#include <vector>

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

class DocumentSearch {
 public:
  static constexpr std::size_t kMostFound = 20;

  explicit DocumentSearch(lineage::Workspace& workspace);

  const std::vector<Curation>& curations() const { return curations_; }  // newest first
  // What `text` means: an address, an id or its first letters, the end of an address, the beginning of one; of these, what is
  // found in the first way that finds anything.
  std::vector<std::pair<const Curation*, data::Decision>> find(const std::string& text) const;
  // The address of a document of a docmap; empty when no curation has seen it.
  std::string address_of(const lineage::DocumentKey& key) const;

 private:
  std::vector<Curation> curations_;
};

}  // namespace cairn::app
