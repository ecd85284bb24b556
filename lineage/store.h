// The content store: artifacts by digest, written once.
//
// seal() follows spec/lineage.md §2.5 steps 3 to 5: sync every file, make read-only, hash, rename without replacement into
// objects/ab/cdef.., sync the folders. A kill at any point leaves either the staged copy or the whole object. Not recorded until
// the ledger says so.
#pragma once

#include "lineage/tree.h"

namespace cairn::lineage {

class Store {
 public:
  Store(Disk& disk, fs::path objects);

  Content seal(const fs::path& staged, ThreadPool* pool = nullptr);  // file or folder; consumed
  fs::path path_of(const Digest& digest) const;                      // objects/ab/cdef..
  bool contains(const Digest& digest) const;
  std::vector<Digest> list() const;  // sorted

 private:
  Disk& disk_;
  fs::path objects_;
};

}  // namespace cairn::lineage
