// step average: checkpoints -> model whose weights are their mean.
#include <numeric>
#include <vector>

#include "base/format.h"
#include "base/json.h"
#include "engine/model/hf_folder.h"
#include "engine/steps/step_context.h"
#include "engine/train/steps.h"

namespace cairn::train {

namespace {

using steps::StepContext;

// What each checkpoint counts; together 1.
std::vector<double> shares_of(const Config& config, std::size_t checkpoints) {
  std::vector<double> shares(checkpoints, 1.0);
  if (config.has("weights")) shares = config.numbers("weights");
  if (shares.size() != checkpoints) {
    fail_usage("config.weights: {} numbers for {} checkpoints", shares.size(), checkpoints);
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (!(sum > 0)) fail_usage("config.weights: their sum is {}, expected more than 0", sum);
  for (double& share : shares) share /= sum;
  return shares;
}

// Models can be averaged when their shapes are the same: error naming the first key of config.json that differs.
void check_alike(const model::ModelConfig& first, const model::ModelConfig& other, const std::string& label) {
  const Json a = model::to_hf_config(first), b = model::to_hf_config(other);
  for (const auto& item : a.items()) {
    const Json theirs = b.value(item.key(), Json());
    if (theirs != item.value()) {
      fail_usage("{}: {} is {}, that of the first checkpoint is {}", label, item.key(), theirs.dump(), item.value().dump());
    }
  }
}

// The reference backend: sums in double, rounded once for each checkpoint, the same bits on every machine.
void average(StepContext& ctx) {
  const std::vector<steps::StepInput>& inputs = ctx.inputs("checkpoints");
  const std::vector<double> shares = shares_of(ctx.config(), inputs.size());
  Context context{ref_backend(), ctx.threads()};
  model::LoadedModel mean = model::load_hf_folder(inputs.front().path, Dtype::f32);
  const Tensor sum = mean.parameters.flat();
  ops::scale(context, sum, sum, shares.front());
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    ctx.stop_if_asked();
    const model::LoadedModel next = model::load_hf_folder(inputs[i].path, Dtype::f32);
    check_alike(mean.parameters.config(), next.parameters.config(), inputs[i].label);
    ops::axpby(context, sum, next.parameters.flat(), shares[i], 1);
  }
  model::write_hf_folder(ctx.disk(), ctx.staging("model"), mean.parameters);
  ctx.describe_output("model", "parameters", mean.parameters.config().parameters());
  ctx.describe_output("model", "checkpoints", inputs.size());
  ctx.summarise(fmt::format("{} checkpoints, {} parameters", inputs.size(),
                            format_count(static_cast<double>(mean.parameters.config().parameters()))));
}

}  // namespace

const steps::StepSpec kAverage{
    .name = "average",
    .version = 1,
    .summary = "average the weights of checkpoints",
    .inputs = {{"checkpoints", "any", "checkpoints or model folders of one shape", false, true}},
    .outputs = {{"model", "model", "weights in float32"}},
    .config = object({field("weights", list(number().min(0)).def(nullptr),
                            "what each checkpoint counts, in the order of the inputs; all the same when left out")}),
    .runtime = object({}),
    .exactness = steps::Exactness::everywhere,
    .externals = {},
    .run = average,
};

}  // namespace cairn::train
