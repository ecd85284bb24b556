// The documents that a curation keeps, in shards: the first rank says where each stands, and all ranks write shards.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/curation.h"
#include "engine/data/document_number.h"
#include "engine/data/exchange.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

// Outputs of a curation that hold documents, by number.
inline constexpr std::array<const char*, 2> kDocumentOutputs = {"documents", "held_out"};

// Where a document stands in the outputs.
struct Placed {
  DocumentNumber document = 0;
  std::uint64_t output = 0, shard = 0, ordinal = 0;
  auto operator<=>(const Placed&) const = default;
};

// Cuts one output into shards as DocumentWriter does, and tells the ledger of the sources in each.
class ShardPlan {
 public:
  ShardPlan(steps::StepContext& ctx, std::size_t output);
  // The next document of the output, in order.
  Placed place(DocumentNumber document, std::string_view source, std::uint64_t text_bytes);
  void finish();
  std::uint64_t shards() const { return documents_ == 0 ? 0 : shard_ + 1; }
  std::uint64_t text_bytes() const { return text_bytes_; }

 private:
  void post();

  steps::StepContext& ctx_;
  std::size_t output_;
  std::uint64_t shard_bytes_;
  std::uint64_t shard_ = 0, ordinal_ = 0, text_in_shard_ = 0, text_bytes_ = 0;
  std::int64_t documents_ = 0;
  steps::SourcePosting posting_;
};

// Writes the shards of all outputs and, on the first rank, gives them to the step: of each output at least one, which may be
// empty. `places`: of the documents of all ranks, sent by the first; `counts`: of shards, by output.
void write_shards(steps::StepContext& ctx, const Curation& curation, Exchange<Placed>& places,
                  const std::array<std::uint64_t, kDocumentOutputs.size()>& counts);

}  // namespace cairn::data
