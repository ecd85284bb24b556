#include "eval/model_step.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace cairn::eval {
namespace {

model::LoadedModel load_to(Memory* memory, const std::filesystem::path& folder, Dtype dtype) {
  model::LoadedModel loaded = model::load_hf_folder(folder, dtype);
  loaded.parameters = model::moved_to(memory, std::move(loaded.parameters));
  return loaded;
}

}  // namespace

bool can_be_in_file_names(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytes && name[0] != '.' &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) { return c == '/' || c < ' ' || c == 0x7f; });
}

std::vector<std::string> model_names(const steps::StepContext& ctx) {
  std::vector<std::string> names = ctx.config().strings("names");
  const std::size_t count = ctx.inputs("models").size();
  if (names.empty()) {
    for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format("model-{}", i));
  }
  if (names.size() != count) fail_usage("config.names: {} names for {} models", names.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!can_be_in_file_names(names[i])) {
      fail_usage("config.names[{}]: expected what can be part of a file name, at most {} bytes, found '{}'", i, kNameBytes,
                 names[i]);
    }
    if (std::count(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) > 0)
      fail_usage("config.names[{}]: two models are called '{}'", i, names[i]);
  }
  return names;
}

std::unique_ptr<ComputeDevice> step_device(const steps::StepContext& ctx) {
  return open_compute_device(ctx.runtime().string("device"), ctx.runtime().string("backend"));
}

StepModel::StepModel(const steps::StepContext& ctx, const ComputeDevice& device, const steps::StepInput& input)
    : context_(device.context(ctx.threads())),
      loaded_(load_to(context_.memory(), input.path, ctx.config().string("dtype") == "bf16" ? Dtype::bf16 : Dtype::f32)),
      tokenizer_(text::Tokenizer::load(input.path)) {}

void text_done(steps::StepContext& ctx, Progress& progress) {
  progress.add();
  ctx.stop_if_asked();
}

Field names_field() {
  return field("names", list(string()).def(Json::array()), "the models' names in results; default: model-0, model-1, ...");
}

Field dtype_field() {
  return field("dtype", string().one_of({"f32", "bf16"}).def("f32"), "of weights and activations; bf16 takes half the memory");
}

Schema model_runtime() {
  return object({
      field("device", string().def("cpu"), kDeviceHelp),
      field("backend", string().def("cpu"), "kernels on the cpu: cpu or ref"),
  });
}

Json model_device_facts(const Json& runtime) {
  return device_facts(runtime.at("device").get<std::string>());
}

}  // namespace cairn::eval
