// A classifier's head: linear layers with ReLU between them, from a safetensors file as torch.nn.Sequential writes it.
//
// Tensors NAME.weight [out, in] in the order of the last number in their names ("0.weight", "3.weight"; "fc1.weight"), each with
// NAME.bias [out] or without: dropout layers leave gaps in the numbers, which mean nothing. One output is the logit of a sigmoid;
// several are logits of a softmax. Computed in float64, in order: the same bits everywhere up to the C library's exponential, and
// the same score once it is rounded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

namespace cairn::score {

class Head {
 public:
  // Error naming file and tensor when layers do not fit one another, or are too many outputs for `wanted`.
  // `wanted`: whose probability is the score, of several outputs.
  Head(const std::filesystem::path& file, std::int64_t wanted);

  std::int64_t inputs() const { return layers_.front().inputs; }
  double score(std::span<const float> x) const;  // [inputs()]
  // Of a vector that is zero but for these; indices below inputs(), each once.
  double score(const std::vector<std::pair<std::uint32_t, float>>& x) const;

 private:
  struct Layer {
    std::int64_t inputs = 0, outputs = 0;
    std::vector<float> weights, bias;  // [outputs, inputs]; [outputs] or empty
  };
  double finish(std::vector<double> hidden) const;  // from the first layer's outputs on

  std::vector<Layer> layers_;
  std::int64_t wanted_;
};

}  // namespace cairn::score
