#include "engine/data/output_shards.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/document.h"
#include "engine/data/piece_file.h"
#include "engine/data/sort_key.h"

namespace cairn::data {

namespace {

// A document with its place, as bytes in the order of places: output, shard, ordinal.
std::string placed_record(const Placed& placed, const CuratedRow& row) {
  std::string record;
  for (const std::uint64_t number : {placed.output, placed.shard, placed.ordinal}) append_key(record, number);
  pack_row(record, row);
  return record;
}

struct ShardName {
  std::uint64_t output = 0, shard = 0;
  bool operator==(const ShardName&) const = default;
};
ShardName take_shard_name(std::string_view& record) {
  ShardName name;
  name.output = take_number_key(record);
  name.shard = take_number_key(record);
  return name;
}

fs::path shards_folder(const steps::StepContext& ctx, std::uint64_t output) {
  return ctx.scratch() / "shards" / kDocumentOutputs[output];
}

// Writes shards of which the documents come one after the other: several at a time, as long as memory holds their records, and
// the one that memory does not hold as its documents come.
class ShardsWriter {
 public:
  // Shards are written in `own`, a folder of this process alone, and put in their places when they are whole: the first rank may
  // be about to give those to the step that this rank had written before it was killed.
  ShardsWriter(steps::StepContext& ctx, fs::path own, std::uint64_t memory)
      : ctx_(ctx), own_(std::move(own)), memory_(memory), most_(static_cast<std::size_t>(ctx.threads().threads())) {}
  void append(const std::string& record) {
    std::string_view bytes = record;
    const ShardName name = take_shard_name(bytes);
    if (shards_.empty() || shards_.back().first != name) {
      if (writer_ || shards_.size() >= most_) finish();
      shards_.push_back({name, {}});
    }
    if (writer_) return write(*writer_, record);
    shards_.back().second.push_back(record);
    if ((held_ += sizeof(record) + record.size()) > memory_) begin_last();
  }
  void finish() {
    if (writer_)
      finish(*writer_, shards_.back().first);
    else
      write_held();
    writer_.reset();
    shards_.clear();
    held_ = 0;
    ctx_.stop_if_asked();
  }

 private:
  std::unique_ptr<DocumentWriter> writer_of(const ShardName& name) const {
    return std::make_unique<DocumentWriter>(ctx_.disk(), own_ / kDocumentOutputs[name.output], ~std::uint64_t{0}, name.shard);
  }
  void finish(DocumentWriter& writer, const ShardName& name) const {
    writer.finish();
    const std::string file = DocumentWriter::shard_name(name.shard);
    ctx_.disk().rename(own_ / kDocumentOutputs[name.output] / file, shards_folder(ctx_, name.output) / file);
  }
  void write_held() {
    ctx_.threads().parallel_for(static_cast<std::int64_t>(shards_.size()), [this](std::int64_t i) {
      const auto& [name, records] = shards_[static_cast<std::size_t>(i)];
      const std::unique_ptr<DocumentWriter> writer = writer_of(name);
      for (const std::string& record : records) write(*writer, record);
      finish(*writer, name);
      ctx_.ranks().check();
    });
  }
  // Lets go of what is held; the last shard's documents are still coming.
  void begin_last() {
    auto last = std::move(shards_.back());
    shards_.pop_back();
    write_held();
    writer_ = writer_of(last.first);
    for (const std::string& record : last.second) write(*writer_, record);
    shards_.clear();
    shards_.push_back({last.first, {}});
  }
  static void write(DocumentWriter& writer, std::string_view record) {
    take_shard_name(record);
    take_number_key(record);
    writer.append(document_of(unpack_row(record)));
  }

  steps::StepContext& ctx_;
  fs::path own_;
  std::uint64_t memory_, held_ = 0;
  std::size_t most_;
  std::vector<std::pair<ShardName, std::vector<std::string>>> shards_;  // with their records, where they are held
  std::unique_ptr<DocumentWriter> writer_;                              // of the last one, whose records are not held
};

}  // namespace

ShardPlan::ShardPlan(steps::StepContext& ctx, std::size_t output)
    : ctx_(ctx), output_(output), shard_bytes_(static_cast<std::uint64_t>(ctx.config().integer("shard_bytes"))) {}

Placed ShardPlan::place(DocumentNumber document, std::string_view source, std::uint64_t text_bytes) {
  if (text_in_shard_ > 0 && text_in_shard_ + text_bytes > shard_bytes_) {
    ++shard_;
    text_in_shard_ = ordinal_ = 0;
  }
  text_in_shard_ += text_bytes;
  text_bytes_ += text_bytes;
  const std::string name = DocumentWriter::shard_name(shard_);
  if (posting_.source != source || posting_.file != name) {
    post();
    posting_ = {std::string(source), kDocumentOutputs[output_], name, static_cast<std::int64_t>(ordinal_), 0, 0};
  }
  ++posting_.documents;
  ++documents_;
  return {document, output_, shard_, ordinal_++};
}

void ShardPlan::post() {
  if (posting_.documents > 0) ctx_.post_source(posting_);
  posting_.documents = 0;
}

void ShardPlan::finish() {
  post();
  ctx_.describe_output(kDocumentOutputs[output_], "documents", documents_);
  ctx_.describe_output(kDocumentOutputs[output_], "text_bytes", text_bytes_);
}

void write_shards(steps::StepContext& ctx, const Curation& curation, Exchange<Placed>& places,
                  const std::array<std::uint64_t, kDocumentOutputs.size()>& counts) {
  const Workbench& bench = curation.bench();
  const auto index = [&counts](const ShardName& name) { return name.output == 0 ? name.shard : counts[0] + name.shard; };
  const auto ranks = static_cast<std::uint64_t>(bench.ranks.size());
  Exchange<std::string> texts(bench.in("texts", 2), "texts", [&](const std::string& record) {
    std::string_view bytes = record;
    return static_cast<int>(index(take_shard_name(bytes)) * ranks / (counts[0] + counts[1]));
  });
  if (!texts.is_sent()) {
    const fs::path path = bench.folder / fmt::format("places-{}", bench.ranks.rank());
    PieceFileWriter<Placed> file(ctx.disk(), path, bench.own);
    places.for_each([&](const Placed& placed) { file.add(piece_of(placed.document), placed); });
    file.finish();
    const PieceFile<Placed> placed(ctx.disk(), path);
    std::mutex mutex;
    curation.for_each_settled(Curation::Which::kept, [&](PieceNumber piece) {
      return [&, own = placed.of(piece), next = std::size_t{0}](const SettledRow& settled) mutable {
        const Placed& place = own.at(next++);
        if (place.document != settled.number) fail("curate: document {} was given no place", settled.number);
        std::string record = placed_record(place, settled.row);
        const std::lock_guard lock(mutex);
        texts.add(std::move(record));
      };
    });
  }
  texts.send();

  for (std::size_t output = 0; output < kDocumentOutputs.size(); ++output)
    ctx.disk().make_directories(shards_folder(ctx, output));
  ShardsWriter writer(ctx, bench.own / "shards", bench.memory / 4);
  Progress& progress = ctx.progress("write", "documents");
  texts.for_each([&](const std::string& record) {
    writer.append(record);
    progress.add();
  });
  writer.finish();
  bench.ranks.barrier(bench.label + "written");
  if (!ctx.ranks().is_first()) return;
  for (std::size_t output = 0; output < kDocumentOutputs.size(); ++output) {
    const fs::path folder = ctx.staging(kDocumentOutputs[output]);
    ctx.disk().make_directories(folder);
    if (counts[output] == 0) DocumentWriter(ctx.disk(), folder).finish();  // one without documents
    for (std::uint64_t shard = 0; shard < counts[output]; ++shard) {
      const std::string name = DocumentWriter::shard_name(shard);
      ctx.disk().link(shards_folder(ctx, output) / name, folder / name);
    }
    ctx.disk().sync_directory(folder);
  }
}

}  // namespace cairn::data
