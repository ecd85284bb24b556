// The documents of a curation on their way through the stages of its chain, on files: what one rank does of it.
//
// A stage filters documents piece by piece, into files (curated_piece.h); then its deduplicators compare the documents of all
// pieces and write their findings to files (piece_file.h); the next stage, or the outputs, read both. So memory holds a piece for
// each thread and what is sorted, and every file that is whole is used again after a kill. A rank owns some shards of the input,
// one after the other, and everything about their documents; findings come to it from wherever documents met (exchange.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/data/curated_piece.h"
#include "engine/data/curation_input.h"
#include "engine/data/deduplicator.h"
#include "engine/data/exchange.h"
#include "engine/data/filter_chain.h"
#include "engine/data/piece_file.h"
#include "engine/data/settled_row.h"
#include "engine/data/statistics.h"
#include "engine/data/token_counter.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

class Curation {
 public:
  Curation(steps::StepContext& ctx, const std::vector<Stage>& stages, const TokenCounter& tokens);

  // Stage after stage, each with its deduplicators. Ranks come to its end together.
  void run();

  using SettledFn = std::function<void(const SettledRow&)>;
  using PieceFn = std::function<SettledFn(PieceNumber)>;
  // After run(): calls `of_piece` for each piece of this rank's documents, in any order and on any thread, and what that returns
  // with each of its documents, in order; or with those alone that were not dropped.
  enum class Which { all, kept };
  void for_each_settled(Which which, const PieceFn& of_piece) const;
  int owner_of(DocumentNumber document) const;  // its rank; never smaller for a later document
  // What filters measured of this rank's documents, numbered in the order of the chain; after run().
  StatisticTally statistics() const;
  // What deduplicators measured of all documents.
  const std::vector<MeasuredStatistic>& compared() const { return compared_; }

  const Workbench& bench() const { return bench_; }

 private:
  std::filesystem::path piece_path(std::size_t stage, PieceNumber piece) const;
  std::filesystem::path findings_path(std::size_t stage, std::size_t deduplicator) const;

  void filter(std::size_t stage);
  void filter_piece(std::size_t stage, std::size_t index) const;
  void compare(std::size_t stage, std::size_t deduplicator);
  void find(std::size_t stage, std::size_t deduplicator, const Workbench& bench) const;
  void measure(std::size_t stage, std::size_t deduplicator, const Workbench& bench);
  void get_to_know(std::size_t stage);
  void ask(std::size_t stage, const Workbench& bench, const std::filesystem::path& path) const;
  // Of the documents of a piece, which are out behind the first `deduplicators` of a stage.
  std::vector<bool> out_behind(std::size_t stage, std::size_t deduplicators, PieceNumber number, const CuratedPiece& piece) const;
  void for_each_settled_of(std::size_t stage, PieceNumber number, const CuratedPiece& piece, Which which,
                           const SettledFn& fn) const;

  steps::StepContext& ctx_;
  const std::vector<Stage>& stages_;
  const TokenCounter& tokens_;
  std::uint64_t piece_bytes_;
  CurationInput input_;
  Workbench bench_;
  std::vector<std::vector<PieceFile<Finding>>> findings_;     // by stage and deduplicator
  std::vector<std::optional<PieceFile<std::string>>> known_;  // by stage: who stands where findings name somebody
  std::vector<MeasuredStatistic> compared_;
  // Numbers in the chain, by stage.
  std::vector<std::uint32_t> first_filters_, first_deduplicators_;
};

}  // namespace cairn::data
