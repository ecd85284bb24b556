#include "engine/data/clustered_copies.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"

namespace cairn::data {

namespace {

constexpr std::uint64_t kMostParts = 256;

}  // namespace

ClusteredCopies::ClusteredCopies(Disk& disk, std::filesystem::path scratch, std::uint64_t memory, std::vector<CopyPlace> places,
                                 const std::vector<std::uint32_t>& sizes)
    : disk_(disk), scratch_(std::move(scratch)), places_(std::move(places)) {
  disk_.remove_tree(scratch_);
  std::sort(places_.begin(), places_.end());
  std::uint64_t total = 0;
  for (const CopyPlace& place : places_) total += sizes.at(place.document);
  const std::uint64_t most = std::max(memory, total / kMostParts + 1);
  std::uint64_t held = 0;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const std::uint64_t size = sizes[places_[i].document];
    if (parts_.empty() || held + size > most) {
      parts_.push_back({i, i, {}, {}, nullptr});
      held = 0;
    }
    held += size;
    ++parts_.back().end;
    parts_.back().documents.push_back(places_[i].document);
  }
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    std::vector<std::uint32_t>& documents = parts_[p].documents;
    std::sort(documents.begin(), documents.end());
    documents.erase(std::unique(documents.begin(), documents.end()), documents.end());
    for (const std::uint32_t document : documents) wanted_.emplace_back(document, static_cast<std::uint32_t>(p));
    if (parts_.size() > 1) parts_[p].writer = std::make_unique<DocumentWriter>(disk_, folder_of(p));
  }
  std::sort(wanted_.begin(), wanted_.end());
}

ClusteredCopies::~ClusteredCopies() = default;

std::filesystem::path ClusteredCopies::folder_of(std::size_t part) const {
  return scratch_ / fmt::format("part-{:03}", part);
}

bool ClusteredCopies::wants(std::uint32_t document) const {
  return next_ < wanted_.size() && wanted_[next_].first == document;
}

void ClusteredCopies::offer(std::uint32_t document, const Document& given) {
  for (; wants(document); ++next_) {
    Part& part = parts_[wanted_[next_].second];
    if (part.writer)
      part.writer->append(given);
    else
      part.held.push_back(given);
  }
}

void ClusteredCopies::write(const std::function<void(const CopyPlace&, const Document&)>& fn) {
  if (next_ != wanted_.size()) fail("document {} was to be copied and never came", wanted_[next_].first);
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    Part& part = parts_[p];
    if (part.writer) {
      part.writer->finish();
      DocumentReader reader(folder_of(p));
      for (Document document; reader.next(document);) part.held.push_back(document);
    }
    for (std::size_t i = part.begin; i < part.end; ++i) {
      const auto at = std::lower_bound(part.documents.begin(), part.documents.end(), places_[i].document);
      fn(places_[i], part.held.at(static_cast<std::size_t>(at - part.documents.begin())));
    }
    part.held = {};
  }
  disk_.remove_tree(scratch_);
}

}  // namespace cairn::data
