// Runs a deduplicator over documents in memory, as curate does over pieces in files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/data/deduplicator.h"
#include "tests/support/test.h"

namespace cairn::test {

class Deduplicated {
 public:
  // Documents whose number is in `out` are out before.
  Deduplicated(const data::Deduplicator& deduplicator, const std::vector<data::Document>& documents, int threads = 2,
               std::uint64_t memory = 1'000'000'000, const std::vector<std::size_t>& out = {})
      : documents_(documents), curated_(documents.size()), keys_(documents.size()), rows(documents.size()) {
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      const data::Document& d = documents_[i];
      keys_[i].push_back(0);
      deduplicator.append_keys(d, keys_[i]);
      keys_[i][0] = keys_[i].size() - 1;
      curated_[i].id = d.id;
      curated_[i].text = d.text;
      curated_[i].url = d.url;
      curated_[i].source = d.source;
      curated_[i].retrieved = d.retrieved;
      curated_[i].keys = keys_[i];
      rows[i].row = &curated_[i];
    }
    for (const std::size_t i : out) curated_[i].dropped = true;
    ThreadPool pool(threads);
    StopToken stop;
    data::Comparison comparison{rows, 0, pool, real_disk(), folder_.path() / "compare", memory, stop};
    deduplicator.compare(comparison);
    story_ = tell();
  }
  // "1<0 3<0": which are removed, and what stands for them.
  std::string removed() const {
    std::string text;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].removal)
        text += (text.empty() ? "" : " ") + std::to_string(i) +
                (rows[i].removal.kept == data::kNoDocument ? "" : "<" + std::to_string(rows[i].removal.kept));
    }
    return text;
  }
  // Everything that was decided, in words.
  const std::string& story() const { return story_; }

 private:
  std::string tell() const {
    std::string text;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const data::DedupRow& row = rows[i];
      text += std::to_string(i) + ": ";
      if (row.removal)
        text +=
            row.removal.by->rule(row.removal) + ", " +
            row.removal.by->reason(row.removal, row.removal.kept == data::kNoDocument ? "" : documents_[row.removal.kept].url);
      if (row.cuts) text += row.cut_by->cut_reason(*row.cuts) + "; " + data::cut_evidence(row, rows);
      text += "\n";
    }
    return text;
  }

  TemporaryFolder folder_;
  std::string story_;  // told at once: the deduplicator need not outlive this
  std::vector<data::Document> documents_;
  std::vector<data::CuratedRow> curated_;
  std::vector<std::vector<std::uint64_t>> keys_;

 public:
  std::vector<data::DedupRow> rows;
};

inline data::Document text_document(std::string text, std::string url = "", std::string retrieved = "") {
  data::Document d;
  d.id = data::document_id(text);
  d.text = std::move(text);
  d.source = "s";
  d.url = std::move(url);
  d.retrieved = std::move(retrieved);
  return d;
}

}  // namespace cairn::test
