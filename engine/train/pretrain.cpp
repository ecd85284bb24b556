// step pretrain: token shards -> checkpoint.
#include <filesystem>
#include <vector>

#include "base/format.h"
#include "base/hash.h"
#include "engine/model/config.h"
#include "engine/train/data_inputs.h"
#include "engine/train/model_choice.h"
#include "engine/train/prefetch.h"
#include "engine/train/run_checkpoints.h"
#include "engine/train/steps.h"
#include "engine/train/training_run.h"

namespace cairn::train {

namespace {

using steps::StepContext;

std::vector<std::filesystem::path> folders_of(const std::vector<steps::StepInput>& inputs) {
  std::vector<std::filesystem::path> folders;
  for (const steps::StepInput& input : inputs) folders.push_back(input.path);
  return folders;
}

// What must be the same when a killed run goes on; also what the reader of a checkpoint alone can learn about its data.
Json facts_of(const StepContext& ctx, const Loader& loader, const MaskOptions& masks) {
  Json data = Json::array();
  for (const steps::StepInput& input : ctx.inputs("data")) data.push_back(input.digest.hex());
  return {{"step", "pretrain"},
          {"config", sha256(canonical_json(ctx.config().json())).hex()},
          {"data", data},
          {"masks", masks_json(masks)},
          {"read_set", loader.read_set().to_json()}};
}

void describe(StepContext& ctx, const Trainer& trainer, const ReadSet& read, const MaskOptions& masks, double loss) {
  const std::int64_t parameters = trainer.activations().config().parameters();
  ctx.describe_output("checkpoint", "parameters", parameters);
  ctx.describe_output("checkpoint", "steps", read.steps());
  ctx.describe_output("checkpoint", "tokens", read.curriculum().tokens());
  ctx.describe_output("checkpoint", "read_set", read.to_json());
  ctx.describe_output("checkpoint", "masks", masks_json(masks));
  ctx.summarise(
      fmt::format("{} parameters, {} steps, loss {:.3f}", format_count(static_cast<double>(parameters)), read.steps(), loss));
}

void pretrain(StepContext& ctx) {
  const Config& config = ctx.config();
  const Curriculum curriculum = read_curriculum(config, data_names(config, ctx.inputs("data").size()));
  const TrainerConfig options = read_trainer_config(ctx, curriculum);
  check_sequence_length(choose_shape(ctx), curriculum.longest_sequence());
  const std::unique_ptr<ComputeDevice> device = open_training_device(ctx);
  check_memory(*device, options, choose_shape(ctx), curriculum, ctx.threads().threads());
  model::Parameters parameters = choose_model(ctx);
  const model::ModelConfig shape = parameters.config();
  const PlannedReading data = plan_reading(config, folders_of(ctx.inputs("data")), ctx.seed(), shape.vocab);
  const MaskOptions masks = read_masks(config, shape.eos.front(), shape.pad);
  const Loader loader(pointers(data.sources), data.read, masks);

  Prefetcher batches([&](const StepPlan& plan) { return loader.batch(plan); }, curriculum, ctx.runtime().integer("prefetch"),
                     ctx.runtime().integer("prefetch_workers"));

  Context context = device->context(ctx.threads());
  Trainer trainer(context, options, std::move(parameters), curriculum, [&](const StepPlan& plan) { return batches.take(plan); });
  TrainingRun run{ctx, trainer, facts_of(ctx, loader, masks), peak_flops(ctx, *device), *device};
  const StepReport last = run_training(run);
  describe(ctx, trainer, data.read, masks, last.loss);
}

std::vector<Field> pretrain_fields() {
  std::vector<Field> fields{field("model", model_schema(), "shape of the model")};
  for (Field& shared : curriculum_fields()) fields.push_back(std::move(shared));
  fields.push_back(field("goldfish",
                         object({field("k", integer().min(1).def(50), "about one label in k is dropped"),
                                 field("h", integer().min(1).def(50), "labels in the hashed window")})
                             .def(Json::object()),
                         "labels left out of the loss so that no passage is learnt whole; null = none"));
  fields.push_back(
      field("masks",
            object({field("eod_loss", boolean().def(true), "mask the loss at the end of a document, where another begins"),
                    field("reset_positions", boolean().def(true), "positions restart with each document"),
                    field("document_attention", boolean().def(true), "no attention across documents")})
                .def(Json::object()),
            "what keeps packed documents apart"));
  for (Field& shared : training_fields({{"name", "ademamix"}}, {{"name", "wsd"}})) fields.push_back(std::move(shared));
  return fields;
}

}  // namespace

const steps::StepSpec kPretrain{
    .name = "pretrain",
    .version = 6,
    .summary = "train a model from token shards",
    .inputs = {{"data", "token_shards",
                "read in the order of a keyed permutation; mixed by weight where config.mix or a stage says so", false, true},
               {"tokenizer", "tokenizer", "gives the vocabulary and the special tokens", true},
               {"init", "any", "checkpoint or model folder to start from, instead of random weights", true}},
    .outputs = {{"checkpoint", "checkpoint", "weights, optimizer state, position"}},
    .config = object(pretrain_fields()),
    .runtime = training_runtime(),
    .class_fields = {"backend"},
    .device = training_device_facts,
    .exactness = steps::Exactness::within_class,
    .externals = {},
    .more_outputs = training_outputs,
    .run = pretrain,
};

}  // namespace cairn::train
