#include "engine/train/nan_trace.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "engine/model/family.h"
#include "kernels/arena.h"
#include "kernels/observed_backend.h"

namespace cairn::train {

namespace {

bool finite_at(const Tensor& tensor, std::int64_t index) {
  switch (tensor.dtype) {
    case Dtype::f64:
      return std::isfinite(tensor.as<const double>()[index]);
    case Dtype::f32:
      return std::isfinite(tensor.as<const float>()[index]);
    case Dtype::bf16:
      return (tensor.as<const std::uint16_t>()[index] & 0x7f80) != 0x7f80;
    default:
      return true;
  }
}

// A tensor that lies on a device, with what lies between its rows, on the host.
struct HostCopy {
  Arena memory;
  Tensor tensor;

  explicit HostCopy(const Tensor& there) : tensor(there) {
    std::int64_t extent = 1;
    for (std::size_t d = 0; d < 4; ++d) extent += (there.shape[d] - 1) * there.strides[d];
    if (there.size() == 0) extent = 0;
    ArenaPlan plan;
    const ArenaSlot slot = plan.add("copy", there.dtype, {extent});
    memory = Arena(plan);
    copy(memory.tensor(slot), Tensor(there.data, there.dtype, {extent}, there.memory));
    tensor.data = memory.tensor(slot).data;
    tensor.memory = nullptr;
  }
};

bool holds(const Tensor& tensor, const void* address) {
  const char* begin = tensor.as<const char>();
  const char* at = static_cast<const char*>(address);
  return at >= begin && at < begin + tensor.bytes();
}

const model::NamedTensor* weight_at(const model::Parameters& parameters, const void* address) {
  for (const model::NamedTensor& weight : parameters.all()) {
    if (holds(weight.tensor, address)) return &weight;
  }
  return nullptr;
}

// "model.layers.3.mlp.up_proj.weight" -> "block 3 mlp"; weights outside of blocks -> "".
std::string place_of(const model::Parameters& parameters, const std::string& weight) {
  constexpr std::string_view kLayers = "model.layers.";
  if (!weight.starts_with(kLayers)) return "";
  const std::size_t dot = weight.find('.', kLayers.size());
  const std::string layer = weight.substr(kLayers.size(), dot - kLayers.size());
  const std::string_view rest = std::string_view(weight).substr(dot + 1);
  const bool mlp = rest.starts_with("mlp") || rest.starts_with(model::facts_of(parameters.config().architecture.family).mlp_norm);
  return fmt::format("block {} {}", layer, mlp ? "mlp" : "attention");
}

// Looks at what each operation wrote, up to the first value that is not finite.
class Tracer : public OperationObserver {
 public:
  Tracer(const model::Parameters& parameters, const model::Parameters& gradients, const model::Activations& activations)
      : parameters_(parameters), gradients_(gradients), activations_(activations) {}

  void end(const OperationCall& call) override {
    if (!found_.empty()) return;
    for (const Tensor& operand : call.operands()) {
      const model::NamedTensor* weight = operand.empty() ? nullptr : weight_at(parameters_, operand.data);
      if (weight == nullptr && !operand.empty()) weight = weight_at(gradients_, operand.data);
      if (weight != nullptr) place_ = place_of(parameters_, weight->name);
    }
    for (const Tensor& operand : call.operands()) {
      if (operand.empty()) continue;
      const NonFinite bad = count_non_finite(operand);
      if (bad.count == 0) continue;
      found_ = describe(operand, bad, call.name);
      return;
    }
  }
  const std::string& found() const { return found_; }

 private:
  std::string describe(const Tensor& operand, NonFinite bad, const char* operation) const {
    const std::string count = fmt::format("{} value{} not finite", bad.count, bad.count == 1 ? " that is" : "s that are");
    if (const model::NamedTensor* gradient = weight_at(gradients_, operand.data)) {
      return fmt::format("the gradient of {} has {} ({})", gradient->name, count, operation);
    }
    const ArenaPlan::Entry* entry = entry_at(operand.data);
    const std::string before = place_.empty() ? "" : place_ + ": ";
    if (entry == nullptr) return fmt::format("{}a result of {} has {}", before, operation, count);
    const std::string name = entry->name.substr(entry->name.rfind('.') + 1);
    const std::optional<std::int64_t> token = token_of(*entry, operand, bad.first);
    return fmt::format("{}{} has {}{} ({})", before, name, count, token ? fmt::format(", first at token {}", *token) : "",
                       operation);
  }

  // The entry of the plan that lies at `address`; where several share it in turns, that of the layer and part in hand.
  const ArenaPlan::Entry* entry_at(const void* address) const {
    const std::int64_t offset = activations_.memory().offset_of(address);
    const std::size_t space = place_.rfind(' ');  // "block 3 mlp", or nothing at the head
    const std::string layer = place_.empty() ? "" : '.' + place_.substr(6, space - 6) + '.';
    const std::string part = place_.empty() ? "head." : place_.substr(space + 1) + '.';
    const auto fitness = [&](const std::string& name) {
      return !layer.empty() && name.find(layer) != std::string::npos ? 3
             : name.starts_with(part)                                ? 2
                                                                     : name.starts_with("blocks.");
    };
    const ArenaPlan::Entry* result = nullptr;
    for (const ArenaPlan::Entry& entry : activations_.plan().entries()) {
      if (offset < entry.offset || offset >= entry.offset + entry.shape.bytes()) continue;
      if (result == nullptr || fitness(entry.name) > fitness(result->name)) result = &entry;
    }
    return result;
  }

  // Tensors whose first dimension runs over tokens (or over heads inside tokens) tell the token.
  std::optional<std::int64_t> token_of(const ArenaPlan::Entry& entry, const Tensor& operand, std::int64_t index) const {
    const std::int64_t tokens = activations_.max_tokens();
    if (entry.shape.shape[0] % tokens != 0 || entry.name.ends_with("lse") || entry.name == "cos" || entry.name == "sin") {
      return std::nullopt;
    }
    const std::int64_t from = (activations_.memory().offset_of(operand.data) - entry.offset) / dtype_bytes(operand.dtype);
    return (from + index) / (entry.shape.size() / tokens);
  }

  const model::Parameters& parameters_;
  const model::Parameters& gradients_;
  const model::Activations& activations_;
  std::string place_, found_;
};

}  // namespace

// Rows may lie apart: walks the elements in row-major order of the shape.
NonFinite count_non_finite(const Tensor& tensor) {
  if (!tensor.on_host()) {
    const HostCopy copy(tensor);
    return count_non_finite(copy.tensor);
  }
  NonFinite result;
  std::int64_t index = 0;
  const auto& n = tensor.shape;
  const auto& s = tensor.strides;
  for (std::int64_t a = 0; a < n[0]; ++a) {
    for (std::int64_t b = 0; b < n[1]; ++b) {
      for (std::int64_t c = 0; c < n[2]; ++c) {
        for (std::int64_t d = 0; d < n[3]; ++d, ++index) {
          if (finite_at(tensor, a * s[0] + b * s[1] + c * s[2] + d * s[3])) continue;
          if (result.count++ == 0) result.first = index;
        }
      }
    }
  }
  return result;
}

std::string first_non_finite(Context& context, const model::Parameters& parameters, const model::Parameters& gradients,
                             const model::Activations& activations, const std::function<void(Context&)>& pass) {
  for (const model::NamedTensor& weight : parameters.all()) {
    const NonFinite bad = count_non_finite(weight.tensor);
    if (bad.count > 0) {
      return fmt::format("the weight {} has {} value{} not finite, first at element {}", weight.name, bad.count,
                         bad.count == 1 ? " that is" : "s that are", bad.first);
    }
  }
  Tracer tracer(parameters, gradients, activations);
  const ObservedBackend backend = observe(context.backend, tracer);
  Context watched{backend, context.pool, context.queue};
  pass(watched);
  return tracer.found();
}

}  // namespace cairn::train
