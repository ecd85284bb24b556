// step sft: checkpoint + conversations -> checkpoint that chats.
#include <vector>

#include "base/format.h"
#include "base/hash.h"
#include "engine/model/hf_folder.h"
#include "engine/text/tokenizer.h"
#include "engine/train/conversations.h"
#include "engine/train/model_choice.h"
#include "engine/train/prefetch.h"
#include "engine/train/run_checkpoints.h"
#include "engine/train/seed_text.h"
#include "engine/train/steps.h"
#include "engine/train/training_run.h"

namespace cairn::train {

namespace {

using steps::StepContext;

std::vector<TokenizedConversation> tokenize(StepContext& ctx, const text::Tokenizer& tokenizer) {
  text::ChatOptions options;
  options.date = ctx.config().string("date");
  options.add_generation_prompt = false;
  options.close_last = true;
  std::vector<TokenizedConversation> tokenized;
  for (const steps::StepInput& input : ctx.inputs("conversations")) {
    for (const Conversation& conversation : read_conversations(input.path)) {
      text::ChatTokens chat = text::encode_chat(tokenizer, conversation.messages, options);
      tokenized.push_back({std::move(chat.ids), std::move(chat.assistant)});
    }
  }
  return tokenized;
}

// The base model's weights; generation also stops where an assistant's turn ends.
model::Parameters load_base(const StepContext& ctx, const text::Tokenizer& tokenizer) {
  const auto& folder = ctx.input("checkpoint").path;
  model::ModelConfig shape = model::load_hf_folder(folder, Dtype::f32).config;
  if (tokenizer.vocab_size() > shape.vocab) {
    fail_usage("the tokenizer has {} tokens, the model {}; use the tokenizer that the model was trained with",
               tokenizer.vocab_size(), shape.vocab);
  }
  const std::int32_t end = text::end_of_turn(tokenizer);
  std::erase(shape.eos, end);
  shape.eos.insert(shape.eos.begin(), end);
  model::Parameters parameters(shape, Dtype::f32);
  model::load_hf_weights(folder, parameters);
  return parameters;
}

Json facts_of(const StepContext& ctx, const ConversationRows& rows) {
  Json conversations = Json::array();
  for (const steps::StepInput& input : ctx.inputs("conversations")) conversations.push_back(input.digest.hex());
  return {{"step", "sft"},
          {"seed", seed_text(ctx.seed())},
          {"config", sha256(canonical_json(ctx.config().json())).hex()},
          {"base", ctx.input("checkpoint").digest.hex()},
          {"conversations", conversations},
          {"rows", rows.rows()}};
}

void sft(StepContext& ctx) {
  const Config& config = ctx.config();
  const std::int64_t batch = config.integer("batch"), T = config.integer("sequence_length");
  const std::unique_ptr<ComputeDevice> device = open_training_device(ctx);

  const text::Tokenizer tokenizer = text::Tokenizer::load(ctx.input("tokenizer").path);
  model::Parameters parameters = load_base(ctx, tokenizer);
  const model::ModelConfig shape = parameters.config();
  check_sequence_length(shape, T);
  std::vector<TokenizedConversation> conversations = tokenize(ctx, tokenizer);
  const std::size_t read = conversations.size();
  const ConversationRows rows(std::move(conversations), T, shape.pad >= 0 ? shape.pad : shape.eos.front(), config.boolean("pack"),
                              ctx.seed());

  const std::int64_t last = rows.rows() * config.integer("epochs");
  Stage stage{"", T, {{batch, last / batch}, {last % batch, 1}}, 0, std::nullopt, {}};
  std::erase_if(stage.batches, [](const BatchPiece& piece) { return piece.batch == 0 || piece.steps == 0; });
  if (config.has("micro_batch")) stage.micro_batch = config.integer("micro_batch");
  const Curriculum curriculum({stage});
  const TrainerConfig options = read_trainer_config(ctx, curriculum);
  check_memory(*device, options, shape, curriculum, ctx.threads().threads());
  Prefetcher batches([&](const StepPlan& plan) { return rows.batch_at(plan.position, plan.batch, last); }, curriculum,
                     ctx.runtime().integer("prefetch"), ctx.runtime().integer("prefetch_workers"));
  Context context = device->context(ctx.threads());
  Trainer trainer(context, options, std::move(parameters), curriculum, [&](const StepPlan& plan) { return batches.take(plan); });
  TrainingRun run{ctx, trainer, facts_of(ctx, rows), peak_flops(ctx, *device), *device};
  const StepReport report = run_training(run);

  ctx.describe_output("checkpoint", "parameters", shape.parameters());
  ctx.describe_output("checkpoint", "conversations", read);
  ctx.describe_output("checkpoint", "conversations_cut", rows.cut());
  ctx.describe_output("checkpoint", "conversations_dropped", rows.dropped());
  ctx.describe_output("checkpoint", "steps", curriculum.steps());
  ctx.summarise(fmt::format("{} conversations in {} rows ({:.0f}% full), {} steps, loss {:.3f}", read, rows.rows(),
                            100 * rows.filled(), curriculum.steps(), report.loss));
}

std::vector<Field> sft_fields() {
  std::vector<Field> fields{
      field("sequence_length", integer().min(2).def(512), "tokens in a row; longer conversations are cut"),
      field("batch", integer().min(1).def(8), "rows in a step"),
      field("micro_batch", integer().min(1).def(nullptr), "rows in one forward and backward; the whole batch when left out"),
      field("epochs", integer().min(1).def(1), "times that each conversation is read"),
      field("pack", boolean().def(true), "put several conversations into a row; they do not see each other"),
      field("date", string().def("2025-09-01"), "current date in the default system text of conversations without one"),
  };
  // As Apertus was fine-tuned (spec/apertus.md §5.1): linear to zero, no weight decay.
  const Json optimizer = {{"name", "ademamix"}, {"beta3", 0.999}, {"weight_decay", 0.0}};
  const Json schedule = {{"name", "linear"}, {"lr", 5e-6}, {"min_lr", 0.0}, {"warmup_share", 0.03}};
  for (Field& shared : training_fields(optimizer, schedule)) fields.push_back(std::move(shared));
  return fields;
}

}  // namespace

const steps::StepSpec kSft{
    .name = "sft",
    .version = 5,
    .summary = "fine-tune a model on conversations",
    .inputs = {{"checkpoint", "any", "checkpoint or model folder to start from"},
               {"tokenizer", "tokenizer", "with the tokens of the chat format"},
               {"conversations", "any", "JSONL of {\"messages\": [{\"role\", \"content\"}]}", false, true}},
    .outputs = {{"checkpoint", "checkpoint", "weights, optimizer state, position"}},
    .config = object(sft_fields()),
    .runtime = training_runtime(),
    .class_fields = {"backend"},
    .device = training_device_facts,
    .exactness = steps::Exactness::within_class,
    .externals = {},
    .more_outputs = training_outputs,
    .run = sft,
};

}  // namespace cairn::train
