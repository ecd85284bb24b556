// step export: checkpoint + tokenizer -> Hugging Face folder that transformers loads as the model's family.
//
// config.json, generation_config.json, model.safetensors (or files under an index), tokenizer.json, tokenizer_config.json (with
// the chat template).
#include "engine/model/export.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/model/hf_folder.h"
#include "engine/steps/step_context.h"
#include "engine/text/chat.h"
#include "engine/text/tokenizer.h"

namespace cairn::model {
namespace {

using steps::StepContext;

void copy_file(Disk& disk, const fs::path& from, const fs::path& to) {
  const auto file = disk.create(to);
  file->write(disk.read(from));
  file->close();
}

void export_model(StepContext& ctx) {
  const fs::path checkpoint = ctx.input("checkpoint").path;
  const fs::path tokenizer_folder = ctx.input("tokenizer").path;
  const text::Tokenizer tokenizer = text::Tokenizer::load(tokenizer_folder);

  ModelConfig config = read_hf_config(checkpoint / "config.json");
  if (tokenizer.vocab_size() > config.vocab) {
    fail("export: the tokenizer has {} tokens, the model knows {}: they do not belong together", tokenizer.vocab_size(),
         config.vocab);
  }
  // A chat model stops where its turn ends; a base model at the end of a document.
  if (ctx.config().boolean("chat")) {
    const std::int32_t end = text::end_of_turn(tokenizer);
    if (std::find(config.eos.begin(), config.eos.end(), end) == config.eos.end()) config.eos.insert(config.eos.begin(), end);
  }
  Parameters parameters(config, Dtype::f32);
  load_hf_weights(checkpoint, parameters);

  const fs::path folder = ctx.staging("model");
  const std::string dtype = ctx.config().string("dtype");
  const StoredType type = dtype == "bfloat16" ? StoredType::bf16 : dtype == "float16" ? StoredType::f16 : StoredType::f32;
  write_hf_folder(ctx.disk(), folder, parameters, type,
                  ctx.config().has("max_file_bytes") ? ctx.config().integer("max_file_bytes") : 0);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    if (ctx.disk().exists(tokenizer_folder / name)) copy_file(ctx.disk(), tokenizer_folder / name, folder / name);
  }
  ctx.describe_output("model", "parameters", config.parameters());
  ctx.summarise(fmt::format("{} parameters in {}", format_count(static_cast<double>(config.parameters())), dtype));
}

}  // namespace

const steps::StepSpec kExport{
    .name = "export",
    .version = 1,
    .summary = "write a checkpoint as a Hugging Face folder that transformers loads",
    .inputs = {{.role = "checkpoint", .kind = "any", .help = "checkpoint, or model folder, whose weights to write"},
               {.role = "tokenizer", .kind = "tokenizer", .help = "the tokenizer that the model was trained with"}},
    .outputs = {{.role = "model",
                 .kind = "model",
                 .help = "config.json, weights as safetensors, tokenizer files, generation_config.json"}},
    .config = object({
        field("dtype", string().one_of({"float32", "bfloat16", "float16"}).def("float32"), "type of the stored weights"),
        field("max_file_bytes", integer().min(1).def(nullptr),
              "larger weights are cut into files of this size under an index; one file when left out"),
        field("chat", boolean().def(false), "a chat model: generation stops at the end of the assistant's turn"),
    }),
    .exactness = steps::Exactness::everywhere,
    .run = export_model,
};

}  // namespace cairn::model
