// steps export-megatron and import-megatron: between checkpoints and folders of Megatron-named tensors (megatron.h).
#include <fmt/core.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/model/export.h"
#include "engine/model/megatron.h"
#include "engine/steps/step_context.h"

namespace cairn::model {
namespace {

using steps::StepContext;

StoredType stored_type(const Config& config) {
  return config.string("dtype") == "bfloat16" ? StoredType::bf16 : StoredType::f32;
}

Field dtype_field() {
  return field("dtype", string().one_of({"float32", "bfloat16"}).def("float32"), "type of the stored weights");
}

std::string counted(const ModelConfig& config) {
  return format_count(static_cast<double>(config.parameters())) + " parameters";
}

void export_megatron(StepContext& ctx) {
  const LoadedModel model = load_hf_folder(ctx.input("checkpoint").path, Dtype::f32);
  MegatronOptions options;
  options.tensor_parallel = ctx.config().integer("tensor_parallel");
  options.fused_norms = ctx.config().boolean("fused_norms");
  options.type = stored_type(ctx.config());
  write_megatron_folder(ctx.disk(), ctx.staging("megatron"), model.parameters, options);
  ctx.describe_output("megatron", "parameters", model.config.parameters());
  ctx.summarise(fmt::format("{} for {} tensor-parallel {}", counted(model.config), options.tensor_parallel,
                            options.tensor_parallel == 1 ? "rank" : "ranks"));
}

void import_megatron(StepContext& ctx) {
  const LoadedModel model = read_megatron_folder(ctx.input("megatron").path, Dtype::f32);
  write_hf_folder(ctx.disk(), ctx.staging("model"), model.parameters, stored_type(ctx.config()));
  ctx.describe_output("model", "parameters", model.config.parameters());
  ctx.summarise(counted(model.config));
}

}  // namespace

const steps::StepSpec kExportMegatron{
    .name = "export-megatron",
    .version = 1,
    .summary = "write a checkpoint's weights under Megatron's names, in safetensors, one folder for each tensor-parallel rank",
    .inputs = {{.role = "checkpoint", .kind = "any", .help = "checkpoint, or model folder, whose weights to write"}},
    .outputs = {{.role = "megatron", .kind = "raw", .help = "config.json, mp_rank_00/model.safetensors, ..."}},
    .config = object({
        field("tensor_parallel", integer().min(1).max(100).def(1), "ranks that matrices are cut for"),
        field("fused_norms", boolean().def(false), "name the norms as Transformer Engine's fused layers do"),
        dtype_field(),
    }),
    .exactness = steps::Exactness::everywhere,
    .run = export_megatron,
};

const steps::StepSpec kImportMegatron{
    .name = "import-megatron",
    .version = 1,
    .summary = "weights under Megatron's names, of any number of tensor-parallel ranks -> a model folder",
    .inputs = {{.role = "megatron", .kind = "any", .help = "config.json, mp_rank_00/model.safetensors, ..."}},
    .outputs = {{.role = "model", .kind = "model", .help = "config.json, model.safetensors, generation_config.json"}},
    .config = object({dtype_field()}),
    .exactness = steps::Exactness::everywhere,
    .run = import_megatron,
};

}  // namespace cairn::model
