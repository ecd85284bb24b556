#include "engine/model/config.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/embedded.h"
#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/model/parameters.h"

namespace cairn::model {

const std::vector<EmbeddedFile>& embedded_files();  // assets/presets, by the build

namespace {

std::string preset_of(std::string_view file_name) {
  return std::string(file_name.substr(0, file_name.rfind('.')));
}

}  // namespace

std::int64_t ModelConfig::parameters() const {
  std::int64_t layer = 0;
  for (const LayerParameter& parameter : layer_parameters(*this)) layer += parameter.size();
  return layers * layer + vocab * width * (architecture.tied_embeddings ? 1 : 2) + width;
}

std::int64_t ModelConfig::matmul_parameters() const {
  std::int64_t layer = 0;
  for (const LayerParameter& parameter : layer_parameters(*this)) {
    if (parameter.is_matrix()) layer += parameter.size();
  }
  return layers * layer + vocab * width;
}

double ModelConfig::train_flops_per_token(std::int64_t T) const {
  return 6.0 * double(matmul_parameters()) + 6.0 * double(layers * heads * head_width) * double(T);
}

ModelConfig preset(const std::string& name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (preset_of(file.name) == name) return parse_hf_config(parse_json(file.text, file.name), file.name);
  }
  const std::vector<std::string> names = preset_names();
  const std::string near = nearest_name(name, names);
  fail_usage("unknown model preset '{}'{}; known: {}", name, near.empty() ? "" : fmt::format(". Did you mean '{}'?", near),
             fmt::join(names, ", "));
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_files()) names.push_back(preset_of(file.name));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace cairn::model
