#include "engine/score/head.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/model/safetensors.h"

namespace cairn::score {

namespace {

constexpr std::string_view kWeight = ".weight", kBias = ".bias";

// The last number in a name; -1 without one.
long number_in(std::string_view name) {
  std::size_t end = name.find_last_of("0123456789");
  if (end == std::string_view::npos) return -1;
  std::size_t begin = end;
  while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') --begin;
  long number = 0;
  for (std::size_t i = begin; i <= std::min(end, begin + 8); ++i) number = number * 10 + (name[i] - '0');
  return number;
}

std::vector<float> read(const model::SafetensorsFile& file, const model::StoredTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  Tensor out(values.data(), Dtype::f32, {1});
  out.dims = static_cast<int>(tensor.shape.size());
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) out.shape[i] = tensor.shape[i];
  out.strides = {1, 1, 1, 1};
  if (out.dims == 2) out.strides[0] = out.shape[1];
  file.read(tensor, out);
  return values;
}

}  // namespace

Head::Head(const std::filesystem::path& path, std::int64_t wanted) : wanted_(wanted) {
  const model::SafetensorsFile file(path);
  std::vector<const model::StoredTensor*> weights;
  for (const model::StoredTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kWeight)) continue;
    if (tensor.shape.size() != 2 || tensor.elements() == 0)
      fail("{}: tensor '{}' is {}, expected a matrix", path.string(), tensor.name, tensor.describe());
    weights.push_back(&tensor);
  }
  if (weights.empty()) fail("{}: expected linear layers, tensors named *.weight", path.string());
  std::stable_sort(weights.begin(), weights.end(), [](const auto* a, const auto* b) {
    const long x = number_in(a->name), y = number_in(b->name);
    return x != y ? x < y : a->name < b->name;
  });
  for (const model::StoredTensor* tensor : weights) {
    Layer layer{tensor->shape[1], tensor->shape[0], read(file, *tensor), {}};
    if (!layers_.empty() && layers_.back().outputs != layer.inputs)
      fail("{}: tensor '{}' takes {} numbers, the layer before it gives {}", path.string(), tensor->name, layer.inputs,
           layers_.back().outputs);
    const std::string bias = tensor->name.substr(0, tensor->name.size() - kWeight.size()) + std::string(kBias);
    if (const model::StoredTensor* found = file.find(bias)) {
      if (found->shape != std::vector<std::int64_t>{layer.outputs})
        fail("{}: tensor '{}' is {}, expected [{}]", path.string(), bias, found->describe(), layer.outputs);
      layer.bias = read(file, *found);
    }
    layers_.push_back(std::move(layer));
  }
  const std::int64_t outputs = layers_.back().outputs;
  if (outputs > 1 && (wanted < 0 || wanted >= outputs)) fail_usage("{}: class {} of {} outputs", path.string(), wanted, outputs);
}

double Head::finish(std::vector<double> hidden) const {
  for (std::size_t l = 1; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    std::vector<double> next(static_cast<std::size_t>(layer.outputs), 0);
    for (std::size_t o = 0; o < next.size(); ++o) {
      const float* w = layer.weights.data() + o * hidden.size();
      double sum = layer.bias.empty() ? 0 : layer.bias[o];
      for (std::size_t i = 0; i < hidden.size(); ++i) sum += static_cast<double>(w[i]) * std::max(hidden[i], 0.0);
      next[o] = sum;
    }
    hidden = std::move(next);
  }
  if (hidden.size() == 1) return 1 / (1 + std::exp(-hidden[0]));
  const double highest = *std::max_element(hidden.begin(), hidden.end());
  double sum = 0;
  for (const double logit : hidden) sum += std::exp(logit - highest);
  return std::exp(hidden[static_cast<std::size_t>(wanted_)] - highest) / sum;
}

double Head::score(std::span<const float> x) const {
  const Layer& layer = layers_.front();
  if (static_cast<std::int64_t>(x.size()) != layer.inputs) fail("the head takes {} numbers, not {}", layer.inputs, x.size());
  std::vector<double> hidden(static_cast<std::size_t>(layer.outputs), 0);
  for (std::size_t o = 0; o < hidden.size(); ++o) {
    const float* w = layer.weights.data() + o * x.size();
    double sum = layer.bias.empty() ? 0 : layer.bias[o];
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(w[i]) * static_cast<double>(x[i]);
    hidden[o] = sum;
  }
  return finish(std::move(hidden));
}

double Head::score(const std::vector<std::pair<std::uint32_t, float>>& x) const {
  const Layer& layer = layers_.front();
  std::vector<double> hidden(static_cast<std::size_t>(layer.outputs), 0);
  for (std::size_t o = 0; o < hidden.size(); ++o) {
    const float* w = layer.weights.data() + o * static_cast<std::size_t>(layer.inputs);
    double sum = layer.bias.empty() ? 0 : layer.bias[o];
    for (const auto& [index, value] : x) sum += static_cast<double>(w[index]) * static_cast<double>(value);
    hidden[o] = sum;
  }
  return finish(std::move(hidden));
}

}  // namespace cairn::score
