// Runs a deduplicator over documents in memory, as curate does over pieces in files.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
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
      rows[i].number = i;
      rows[i].row = &curated_[i];
      known_[i] = {d.id, d.source, d.url};
    }
    for (const std::size_t i : out) curated_[i].dropped = true;
    ThreadPool pool(threads);
    StopToken stop;
    steps::Ranks alone;
    std::vector<data::Finding> findings;
    const auto show = [this](data::DocumentNumber i, const data::RowFn& fn) {
      fn(i, curated_[i], data::keys_of(curated_[i].keys, 0));
    };
    const data::Workbench bench{alone, real_disk(), folder_.path(), folder_.path(), memory, pool, stop};
    data::Comparison comparison{bench,
                                [&](const data::RowFn& fn) {
                                  for (std::size_t i = 0; i < curated_.size(); ++i) {
                                    if (!curated_[i].dropped) show(i, fn);
                                  }
                                },
                                show, [](data::DocumentNumber) { return 0; },
                                [&](const data::Finding& finding) { findings.push_back(finding); }};
    deduplicator.compare(comparison);
    std::sort(findings.begin(), findings.end());
    for (std::size_t begin = 0, end; begin < findings.size(); begin = end) {
      for (end = begin; end < findings.size() && findings[end].document == findings[begin].document;) ++end;
      deduplicator.apply(rows[findings[begin].document], std::span(findings).subspan(begin, end - begin));
    }
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
      if (!row.cuts.empty()) text += row.cut_by->cut_reason(row.cuts) + "; " + data::cut_evidence(row, known_);
      text += "\n";
    }
    return text;
  }

  TemporaryFolder folder_;
  std::string story_;  // told at once: the deduplicator need not outlive this
  std::vector<data::Document> documents_;
  std::vector<data::CuratedRow> curated_;
  std::vector<std::vector<std::uint64_t>> keys_;
  data::KnownDocuments known_;

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
