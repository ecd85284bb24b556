// step train-tokenizer: documents -> a byte-level BPE tokenizer as tokenizer.json and tokenizer_config.json.
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/data/document.h"
#include "engine/steps/step.h"
#include "engine/steps/step_context.h"
#include "engine/text/bpe_trainer.h"
#include "engine/text/tokenizer.h"

namespace cairn::data {

extern const steps::StepSpec kTrainTokenizer;

namespace {

constexpr std::size_t kBatchBytes = 16'000'000;

std::uint64_t text_bytes(const steps::StepContext& ctx) {
  std::uint64_t bytes = 0;
  Document document;
  for (const steps::StepInput& input : ctx.inputs("documents")) {
    DocumentReader reader(input.path);
    while (reader.next(document)) bytes += document.text.size();
  }
  return bytes;
}

// Feeds the documents to the trainer; of a corpus larger than max_bytes an even sample, drawn by seed and position.
void count_words(steps::StepContext& ctx, text::BpeTrainer& trainer, std::uint64_t& documents, std::uint64_t& bytes) {
  const auto max_bytes = static_cast<std::uint64_t>(ctx.config().integer("max_bytes"));
  const std::uint64_t total = max_bytes > 0 ? text_bytes(ctx) : 0;
  const double share = total > max_bytes ? static_cast<double>(max_bytes) / static_cast<double>(total) : 1.0;
  const Random random(ctx.seed(), "tokenizer-sample");
  Progress& progress = ctx.progress("train-tokenizer: words", "bytes");
  std::vector<std::string> batch;
  std::uint64_t batch_bytes = 0, position = 0;
  const auto add_batch = [&] {
    trainer.add(batch, ctx.threads());
    progress.add(batch_bytes);
    documents += batch.size(), bytes += batch_bytes;
    batch.clear();
    batch_bytes = 0;
    ctx.stop_if_asked();
  };
  Document document;
  for (const steps::StepInput& input : ctx.inputs("documents")) {
    DocumentReader reader(input.path);
    for (; reader.next(document); ++position) {
      if (share < 1.0 && random.uniform(position) >= share) continue;
      batch_bytes += document.text.size();
      batch.push_back(std::move(document.text));
      if (batch_bytes >= kBatchBytes) add_batch();
    }
  }
  add_batch();
}

void train_tokenizer(steps::StepContext& ctx) {
  const Config& config = ctx.config();
  const bool block = config.string("special_layout") == "apertus";
  const std::vector<std::string> special =
      text::with_numbered_markers(block ? text::apertus_token_block() : config.strings("special_tokens"),
                                  static_cast<std::size_t>(config.integer("special_block")));
  text::BpeTrainer trainer({.vocab_size = config.integer("vocab_size"),
                            .pattern = config.string("pattern"),
                            .digits = static_cast<int>(config.integer("digits")),
                            .digits_from_right = config.string("digits_from") == "right",
                            .special_tokens = special,
                            .plain_tokens = block ? text::apertus_plain_tokens() : config.strings("plain_tokens"),
                            .min_frequency = config.integer("min_frequency"),
                            .max_words = config.integer("max_words"),
                            .scratch = ctx.scratch()});
  std::uint64_t documents = 0, bytes = 0;
  count_words(ctx, trainer, documents, bytes);
  const std::int64_t words = trainer.distinct_words();

  Progress& progress = ctx.progress("train-tokenizer: merges", "merges");
  progress.set_total(static_cast<std::uint64_t>(config.integer("vocab_size")) - special.size() - 256);
  const text::TrainedBpe bpe = trainer.train(ctx.threads(), [&](std::int64_t merges) {
    progress.set(static_cast<std::uint64_t>(merges));
    ctx.stop_if_asked();
  });

  const std::string json = text::tokenizer_json(bpe, trainer.options());
  const auto tokenizer = text::Tokenizer::from_json(parse_json(json, "tokenizer.json"), "tokenizer.json");
  const fs::path folder = ctx.staging("tokenizer");
  ctx.disk().make_directories(folder);
  write_file_atomically(ctx.disk(), folder / "tokenizer.json", json);
  write_file_atomically(ctx.disk(), folder / "tokenizer_config.json", text::tokenizer_config_json(trainer.options()));
  ctx.describe_output("tokenizer", "vocab_size", tokenizer.vocab_size());
  ctx.describe_output("tokenizer", "merges", bpe.merges.size());
  ctx.describe_output("tokenizer", "trained_on_bytes", bytes);
  ctx.summarise(fmt::format("{} tokens from {} documents, {}, {} distinct words", tokenizer.vocab_size(), documents,
                            format_bytes(bytes), words));
}

}  // namespace

const steps::StepSpec kTrainTokenizer{
    .name = "train-tokenizer",
    .version = 1,
    .summary = "train a byte-level BPE tokenizer",
    .inputs = {{.role = "documents", .kind = "documents", .help = "what to learn from", .many = true}},
    .outputs = {{"tokenizer", "tokenizer", "tokenizer.json and tokenizer_config.json, as transformers reads them"}},
    .config = object({
        field("vocab_size", integer().min(256).max(1'000'000).def(8192), "tokens in all, special ones and bytes included"),
        field("pattern", string().min(1).def("apertus"),
              "how text is cut into words: apertus, gpt2, cl100k, qwen2, o200k, or a regular expression"),
        field("digits", integer().min(0).max(9).def(0), "digits in one word, at most; 0 = as the pattern has it"),
        field("digits_from", string().one_of({"left", "right"}).def("left"),
              "right = a longer number is cut into groups from its end: 1 234 567"),
        field("special_layout", string().one_of({"listed", "apertus"}).def("listed"),
              "listed = special_tokens and plain_tokens; apertus = the 1000 ids of the released Apertus tokenizer"),
        field("special_block", integer().min(0).max(100'000).def(0),
              "numbered markers <SPECIAL_n> after the special tokens until there are so many; 0 = none"),
        field("special_tokens", list(string().min(1)).def(Json(text::apertus_special_tokens())), "ids 0, 1, ... in this order"),
        field("plain_tokens", list(string().min(1)).def(Json(text::pii_markers())),
              "those of special_tokens that ordinary text may hold"),
        field("min_frequency", integer().min(1).def(2), "a pair seen less often is not merged"),
        field("max_words", integer().min(0).def(0),
              "learn from so many distinct words, the most frequent; bounds the memory that merging needs; 0 = all"),
        field("max_bytes", integer().min(0).def(0), "learn from an even sample of at most about this much text; 0 = all"),
    }),
    .run = train_tokenizer,
};

}  // namespace cairn::data
