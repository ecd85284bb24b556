// Documents written several times over and in another order than they come in, in one reading and bounded memory: what a mixture
// needs to keep copies of a document apart and sites together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "engine/data/document.h"

namespace cairn::data {

// One copy of a document: it is written in order of round, rank, document.
struct CopyPlace {
  std::uint32_t round = 0;     // 0: the first copies of all documents, then the second ones, ...
  std::uint32_t rank = 0;      // of the cluster that it belongs to
  std::uint32_t document = 0;  // by number, as they come in
  auto operator<=>(const CopyPlace&) const = default;
};

class ClusteredCopies {
 public:
  // `sizes`: about how many bytes each document takes. What does not fit into `memory` is written to `scratch`, which is emptied
  // first, as parts that are then read one by one; there are at most 256, which share what there is.
  ClusteredCopies(Disk& disk, std::filesystem::path scratch, std::uint64_t memory, std::vector<CopyPlace> places,
                  const std::vector<std::uint32_t>& sizes);
  ~ClusteredCopies();

  bool wants(std::uint32_t document) const;                   // of documents in ascending order
  void offer(std::uint32_t document, const Document& given);  // likewise; each that is wanted, once
  // All copies in order. Error when a wanted document was not offered.
  void write(const std::function<void(const CopyPlace&, const Document&)>& fn);
  std::size_t parts() const { return parts_.size(); }

 private:
  struct Part {
    std::size_t begin = 0, end = 0;        // places
    std::vector<std::uint32_t> documents;  // ascending, each once
    std::vector<Document> held;            // where all fit into memory
    std::unique_ptr<DocumentWriter> writer;
  };
  std::filesystem::path folder_of(std::size_t part) const;

  Disk& disk_;
  std::filesystem::path scratch_;
  std::vector<CopyPlace> places_;
  std::vector<Part> parts_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> wanted_;  // document, part; ascending
  std::size_t next_ = 0;
};

}  // namespace cairn::data
