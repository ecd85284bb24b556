// cairn logits MODEL --ids 1,5,9 --out F.safetensors: what the model says after each token, for comparing implementations.
#include <charconv>

#include "app/cli/cli.h"
#include "app/cli/model_argument.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/infer/sequence.h"
#include "engine/model/hf_folder.h"
#include "engine/model/safetensors.h"
#include "kernels/compute_device.h"

namespace cairn::app {
namespace {

struct Options {
  std::string model, ids, out, backend = "cpu", device = "cpu", dtype = "f32";
};

std::vector<std::int32_t> parse_ids(const std::string& text) {
  std::vector<std::int32_t> ids;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::int32_t id = 0;
    const auto [last, status] = std::from_chars(text.data() + begin, text.data() + end, id);
    if (status != std::errc() || last != text.data() + end || id < 0) {
      fail_usage("--ids: expected token ids with commas between, found '{}'", text.substr(begin, end - begin));
    }
    ids.push_back(id);
    begin = end + 1;
  }
  return ids;
}

ExitCode logits(Session& session, const Options& options) {
  const std::vector<std::int32_t> ids = parse_ids(options.ids);
  if (options.out.empty()) fail_usage("--out: name the safetensors file to write");
  const ModelArgument found = find_model(session, options.model);
  const std::unique_ptr<ComputeDevice> device = open_compute_device(options.device, options.backend);
  Context context = device->context(session.threads());
  model::LoadedModel loaded = model::load_hf_folder(found.folder, model_dtype(options.dtype));
  loaded.parameters = model::moved_to(context.memory(), std::move(loaded.parameters));
  infer::Sequence sequence(context, loaded.parameters, static_cast<std::int64_t>(ids.size()));
  std::vector<float> rows;
  sequence.extend(ids, 0, [&](std::int64_t, std::span<const float> row) { rows.insert(rows.end(), row.begin(), row.end()); });
  const Tensor tensor(rows.data(), Dtype::f32, {static_cast<std::int64_t>(ids.size()), loaded.config.vocab});
  model::write_safetensors(real_disk(), options.out, {{"logits", model::StoredType::f32, tensor}});
  if (session.json()) {
    print_json({{"out", options.out}, {"shape", {ids.size(), loaded.config.vocab}}});
  } else {
    fmt::print("logits [{}, {}] in {}\n", ids.size(), loaded.config.vocab, options.out);
  }
  return ExitCode::done;
}

}  // namespace

void add_logits(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  line.verb("logits", Phase::use, "a model's logits for given tokens, as a safetensors file")
      .positional(options->model, "MODEL", "a model's name in the workspace, or a Hugging Face folder")
      .option(options->ids, "--ids", "1,5,9", "token ids")
      .option(options->out, "--out", "FILE", "what to write: tensor 'logits' [tokens, vocabulary], float32")
      .option(options->backend, "--backend", "NAME", "cpu or ref")
      .option(options->device, "--device", "NAME", kModelDeviceHelp)
      .option(options->dtype, "--dtype", "TYPE", kModelDtypeHelp)
      .run([&session, options] { return logits(session, *options); });
}

}  // namespace cairn::app
