// step pack: documents + tokenizer -> token shards (Megatron .bin/.idx) + docmaps, and where asked for documents packed into
// rows.
#include "engine/data/pack.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/best_fit.h"
#include "engine/data/document.h"
#include "engine/data/document_encoder.h"
#include "engine/data/row_index.h"
#include "engine/data/token_shards.h"
#include "engine/steps/step_context.h"
#include "engine/text/tokenizer.h"
#include "lineage/docmap.h"

namespace cairn::data {
namespace {

using text::Tokenizer;

constexpr std::size_t kBatchBytes = 8'000'000;  // of text, encoded in parallel and then written in order
constexpr std::size_t kBatchDocuments = 4096;
constexpr std::size_t kReportedSources = 1000;

struct Located {
  Document document;
  std::size_t file = 0;  // index of the shard file among all that were read
  std::int64_t ordinal = 0;
};

struct Tally {
  std::int64_t documents = 0, bytes = 0, tokens = 0;

  void add(std::int64_t text_bytes, std::int64_t ids) { ++documents, bytes += text_bytes, tokens += ids; }
  Json json() const {
    const double ratio = tokens > 0 ? static_cast<double>(bytes) / static_cast<double>(tokens) : 0;
    return {{"documents", documents}, {"bytes", bytes}, {"tokens", tokens}, {"bytes_per_token", ratio}};
  }
};

Json tallies_json(const std::map<std::string, Tally>& tallies) {
  Json json = Json::object();
  for (const auto& [name, tally] : tallies) json[name] = tally.json();
  return json;
}

// The sources with most tokens one by one, the rest together, so that the report stays small.
Json sources_json(const std::map<std::string, Tally>& tallies) {
  std::vector<std::pair<std::string, Tally>> sorted(tallies.begin(), tallies.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second.tokens > b.second.tokens; });
  std::map<std::string, Tally> kept;
  Tally rest;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i < kReportedSources) {
      kept[sorted[i].first] = sorted[i].second;
    } else {
      rest.documents += sorted[i].second.documents, rest.bytes += sorted[i].second.bytes, rest.tokens += sorted[i].second.tokens;
    }
  }
  Json json = tallies_json(kept);
  return {{"listed", json}, {"others", rest.json()}, {"count", sorted.size()}};
}

// What packing into rows came to, over all shards.
struct RowTally {
  std::int64_t rows = 0, pieces = 0, tokens = 0;  // tokens: in rows, those at cuts twice
  std::int64_t longer = 0;                        // documents that no row can hold whole
  std::int64_t saved = 0;                         // documents that concatenation would cut and rows do not

  double padding_share(std::int64_t row_length) const {
    return rows > 0 ? 1 - static_cast<double>(tokens) / (static_cast<double>(rows) * static_cast<double>(row_length + 1)) : 0.0;
  }
  Json json(std::int64_t row_length) const {
    return {{"method", "best_fit"},
            {"sequence_length", row_length},
            {"rows", rows},
            {"pieces", pieces},
            {"padding_share", padding_share(row_length)},
            {"documents_longer_than_a_row", longer},
            {"documents_saved_from_a_cut", saved}};
  }
};

// Writes shard after shard, each with its docmap and its postings.
class Packer {
 public:
  Packer(steps::StepContext& ctx, TokenType type)
      : ctx_(ctx), folder_(ctx.staging("data")), shard_tokens_(ctx.config().integer("shard_tokens")), type_(type) {
    if (ctx.config().string("packing") == "best_fit") row_length_ = ctx.config().integer("sequence_length");
    ctx.disk().make_directories(folder_);
  }

  // A file that documents come from; its index for append().
  std::size_t add_file(std::string name, const Digest& digest) {
    files_.push_back({std::move(name), digest});
    return files_.size() - 1;
  }

  void append(const Located& located, const std::vector<TokenId>& ids) {
    if (shard_ && shard_->documents() > 0 && shard_->tokens() + static_cast<std::int64_t>(ids.size()) > shard_tokens_) close();
    if (!shard_) open();
    const Document& document = located.document;
    const auto tokens = static_cast<std::int64_t>(ids.size());
    shard_->append(ids);
    if (row_length_ > 0) first_.push_back(shard_->tokens());
    const lineage::DocmapParent& file = files_[located.file];
    docmap_.append(tokens, document.source, docmap_.parent(file.name, file.digest), located.ordinal,
                   lineage::document_key(document.id));
    if (postings_.empty() || postings_.back().source != document.source) {
      postings_.push_back({document.source, "data", name() + ".bin", docmap_.documents() - 1, 0, 0});
    }
    ++postings_.back().documents;
    postings_.back().tokens += tokens;
    const auto bytes = static_cast<std::int64_t>(document.text.size());
    total_.add(bytes, tokens);
    languages_[document.language].add(bytes, tokens);
    sources_[document.source].add(bytes, tokens);
  }

  void finish(const Tokenizer& tokenizer) {
    if (!shard_ && shards_.empty()) open();  // no documents: one empty shard
    if (shard_) close();
    Json report = total_.json();
    report["vocab_size"] = tokenizer.vocab_size();
    report["type"] = type_ == TokenType::u16 ? "u16" : "i32";
    report["shards"] = shards_;
    if (row_length_ > 0) report["packing"] = rows_.json(row_length_);
    report["languages"] = tallies_json(languages_);
    report["sources"] = sources_json(sources_);
    write_file_atomically(ctx_.disk(), folder_ / "pack.json", pretty_json(report));
    ctx_.describe_output("data", "documents", total_.documents);
    ctx_.describe_output("data", "tokens", total_.tokens);
    ctx_.describe_output("data", "shards", shards_.size());
    ctx_.describe_output("data", "type", report["type"]);
    if (row_length_ > 0) ctx_.describe_output("data", "packing", report["packing"]);
    const std::string rows = row_length_ > 0 ? fmt::format(", {} rows of {} with {:.2f}% padding", rows_.rows, row_length_,
                                                           100 * rows_.padding_share(row_length_))
                                             : "";
    ctx_.summarise(fmt::format("{} documents, {} tokens in {} shard{}, {:.2f} bytes a token{}", total_.documents,
                               format_count(static_cast<double>(total_.tokens)), shards_.size(), shards_.size() == 1 ? "" : "s",
                               report["bytes_per_token"].get<double>(), rows));
  }

 private:
  std::string name() const { return fmt::format("shard-{:05}", shards_.size()); }

  void open() {
    shard_.emplace(ctx_.disk(), folder_ / name(), type_);
    docmap_ = {};
    postings_.clear();
    first_.assign(1, 0);
  }

  void close() {
    shard_->finish();
    docmap_.write(ctx_.disk(), folder_ / (name() + ".docmap"));
    if (row_length_ > 0) write_rows();
    for (steps::SourcePosting& posting : postings_) ctx_.post_source(std::move(posting));
    shards_.push_back({{"name", name()}, {"documents", shard_->documents()}, {"tokens", shard_->tokens()}});
    shard_.reset();
  }

  void write_rows() {
    const PackedRows packed = pack_best_fit(first_, row_length_);
    write_row_index(ctx_.disk(), folder_ / (name() + ".rows"), packed, shard_->tokens());
    rows_.rows += packed.rows();
    rows_.pieces += static_cast<std::int64_t>(packed.pieces.size());
    for (const Piece& piece : packed.pieces) rows_.tokens += piece.tokens;
    for (std::size_t d = 0; d + 1 < first_.size(); ++d) rows_.longer += first_[d + 1] - first_[d] > row_length_ + 1;
    rows_.saved += cut_by_concatenation(first_, total_.tokens - shard_->tokens(), row_length_);
  }

  steps::StepContext& ctx_;
  fs::path folder_;
  std::int64_t shard_tokens_;
  std::int64_t row_length_ = 0;      // 0: not packed into rows
  std::vector<std::int64_t> first_;  // of each document of the shard, and the end
  RowTally rows_;
  TokenType type_;
  std::vector<lineage::DocmapParent> files_;
  std::optional<TokenShardWriter> shard_;
  lineage::DocmapWriter docmap_;
  std::vector<steps::SourcePosting> postings_;
  Json shards_ = Json::array();
  Tally total_;
  std::map<std::string, Tally> languages_, sources_;
};

TokenType token_type(const std::string& name, const Tokenizer& tokenizer) {
  const TokenType smallest = smallest_token_type(tokenizer.vocab_size());
  if (name == "auto") return smallest;
  if (name == "u16" && smallest != TokenType::u16) {
    fail_usage("config.type: u16 holds vocabularies of fewer than 65500 tokens; this one has {}", tokenizer.vocab_size());
  }
  return name == "u16" ? TokenType::u16 : TokenType::i32;
}

void check_packing(const Config& config) {
  const bool rows = config.string("packing") == "best_fit";
  if (rows && !config.has("sequence_length"))
    fail_usage("config.packing: best_fit needs sequence_length, the length of its rows");
  if (!rows && config.has("sequence_length")) fail_usage("config.sequence_length: only packing \"best_fit\" has rows");
}

void pack(steps::StepContext& ctx) {
  check_packing(ctx.config());
  const Tokenizer tokenizer = Tokenizer::load(ctx.input("tokenizer").path);
  const DocumentEncoder encoder(tokenizer, ctx.config());
  Packer packer(ctx, token_type(ctx.config().string("type"), tokenizer));
  Progress& progress = ctx.progress("pack", "documents");

  std::vector<Located> batch;
  std::size_t batch_bytes = 0;
  std::vector<std::vector<TokenId>> encoded;
  const auto write_batch = [&] {
    encoded.assign(batch.size(), {});
    ctx.threads().parallel_for(static_cast<std::int64_t>(batch.size()), [&](std::int64_t i) {
      encoded[static_cast<std::size_t>(i)] = encoder.encode(batch[static_cast<std::size_t>(i)].document.text);
    });
    for (std::size_t i = 0; i < batch.size(); ++i) packer.append(batch[i], encoded[i]);
    progress.add(batch.size());
    batch.clear();
    batch_bytes = 0;
    ctx.stop_if_asked();
  };

  for (const steps::StepInput& input : ctx.inputs("documents")) {
    DocumentReader reader(input.path);
    std::size_t first_file = 0;
    for (std::size_t shard = 0; shard < reader.shard_count(); ++shard) {
      const std::string name = reader.shard_name(shard);
      const std::size_t file = packer.add_file(name, sha256_file(input.path / name));
      if (shard == 0) first_file = file;
    }
    Located located;
    while (reader.next(located.document)) {
      located.file = first_file + reader.shard();
      located.ordinal = reader.ordinal();
      batch_bytes += located.document.text.size();
      batch.push_back(std::move(located));
      if (batch_bytes >= kBatchBytes || batch.size() >= kBatchDocuments) write_batch();
    }
  }
  write_batch();
  packer.finish(tokenizer);
}

std::vector<Field> with_document_encoder_fields(std::vector<Field> fields) {
  for (Field& shared : document_encoder_fields()) fields.push_back(std::move(shared));
  return fields;
}

}  // namespace

const steps::StepSpec kPack{
    .name = "pack",
    .version = 1,
    .summary = "encode documents into token shards with a map from tokens back to documents",
    .inputs = {{.role = "documents", .kind = "documents", .help = "packed one after another", .many = true},
               {.role = "tokenizer", .kind = "tokenizer", .help = "a tokenizer.json, or a folder that holds one"}},
    .outputs = {{"data", "token_shards", "Megatron .bin/.idx, a .docmap each (with best_fit, a .rows), and pack.json"}},
    .config = object(with_document_encoder_fields({
        field("shard_tokens", integer().min(1).def(100'000'000),
              "tokens in one shard, at most (a longer document fills its own)"),
        field("type", string().one_of({"auto", "i32", "u16"}).def("auto"), "type of an id; auto: u16 below 65500 tokens"),
        field("packing", string().one_of({"concatenate", "best_fit"}).def("concatenate"),
              "best_fit: also an index of rows that cut hardly any document, which pretrain then reads"),
        field("sequence_length", integer().min(2).max((1 << 30) - 1).def(nullptr), "of best_fit's rows: that of the training"),
    })),
    .run = pack,
};

}  // namespace cairn::data
