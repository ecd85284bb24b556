#include "engine/data/mapped_shards.h"

#include <fmt/format.h>

namespace cairn::data {

MappedShardWriter::MappedShardWriter(steps::StepContext& ctx, std::string role, TokenType type, std::int64_t shard_tokens)
    : ctx_(ctx), role_(std::move(role)), folder_(ctx.staging(role_)), type_(type), shard_tokens_(shard_tokens) {
  ctx_.disk().make_directories(folder_);
  open();
}

std::string MappedShardWriter::name() const {
  return fmt::format("shard-{:05}", shards_.size());
}

void MappedShardWriter::append(std::span<const TokenId> ids, const MappedDocument& document) {
  const auto size = static_cast<std::int64_t>(ids.size());
  if (shard_->documents() > 0 && shard_->tokens() + size > shard_tokens_) {
    close();
    open();
  }
  shard_->append(ids);
  docmap_.append(size, document.source, docmap_.parent(document.parent.name, document.parent.digest), document.ordinal,
                 document.key);
  if (posting_.documents == 0 || posting_.source != document.source) {
    post();
    posting_ = {document.source, role_, name() + ".bin", docmap_.documents() - 1, 0, 0};
  }
  ++posting_.documents;
  posting_.tokens += size;
  ++documents_;
  tokens_ += size;
}

void MappedShardWriter::finish(std::int64_t vocab) {
  close();
  const Json report = {{"documents", documents_},
                       {"tokens", tokens_},
                       {"vocab_size", vocab},
                       {"type", type_ == TokenType::u16 ? "u16" : "i32"},
                       {"shards", shards_}};
  write_file_atomically(ctx_.disk(), folder_ / "pack.json", pretty_json(report));
  ctx_.describe_output(role_, "documents", documents_);
  ctx_.describe_output(role_, "tokens", tokens_);
  ctx_.describe_output(role_, "shards", shards_.size());
  ctx_.describe_output(role_, "type", report["type"]);
}

void MappedShardWriter::open() {
  shard_.emplace(ctx_.disk(), folder_ / name(), type_);
  docmap_ = {};
}

void MappedShardWriter::close() {
  post();
  shard_->finish();
  docmap_.write(ctx_.disk(), folder_ / (name() + ".docmap"));
  shards_.push_back({{"name", name()}, {"documents", shard_->documents()}, {"tokens", shard_->tokens()}});
  shard_.reset();
}

void MappedShardWriter::post() {
  if (posting_.documents > 0) ctx_.post_source(posting_);
  posting_.documents = 0;
}

}  // namespace cairn::data
