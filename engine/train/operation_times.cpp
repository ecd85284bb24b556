#include "engine/train/operation_times.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace cairn::train {

namespace {

bool is(const OperationCall& call, std::string_view name) {
  return call.name == name;
}

std::int64_t inner_size(const OperationCall& product) {
  return product.tensors[1].shape[product.transposes[0] == Transpose::yes ? 0 : 1];
}

double bytes(const Tensor& tensor) {
  return tensor.empty() ? 0 : static_cast<double>(tensor.bytes());
}

}  // namespace

double flops_of(const OperationCall& call, std::int64_t documents) {
  if (is(call, "matmul")) {
    const auto& c = call.tensors[0].shape;
    return 2.0 * static_cast<double>(c[0]) * static_cast<double>(c[1]) * static_cast<double>(inner_size(call));
  }
  if (is(call, "matmul_fp8"))
    return 2.0 * static_cast<double>(call.tensors[0].size()) * static_cast<double>(call.tensors[1].shape[1]);
  const bool forward = is(call, "attention_forward");
  if (!forward && !is(call, "attention_backward")) return 0;
  const auto& q = call.tensors[forward ? 2 : 4].shape;  // [B, T, H, E]
  const double length = static_cast<double>(q[1]) / static_cast<double>(documents);
  const double pairs = static_cast<double>(q[0] * q[2]) * static_cast<double>(q[1]) * (length + 1) / 2;
  return (forward ? 4.0 : 10.0) * pairs * static_cast<double>(q[3]);  // two products; five, as scores are computed again
}

double bytes_of(const OperationCall& call) {
  if (is(call, "embedding_forward")) return 2 * bytes(call.tensors[0]) + bytes(call.tensors[2]);  // as much of the table
  if (is(call, "embedding_backward")) return 3 * bytes(call.tensors[1]) + bytes(call.tensors[2]);
  double sum = 0;
  for (const Tensor& operand : call.operands()) sum += bytes(operand);
  const auto again = [&](int first, int count) {  // outputs that are read too, inputs that are written too
    for (int i = first; i < first + count; ++i) sum += bytes(call.tensors[static_cast<std::size_t>(i)]);
  };
  if (is(call, "adamw")) again(0, 3);
  if (is(call, "ademamix")) again(0, 4);
  if (is(call, "axpby") || is(call, "bias_forward")) again(0, 1);
  if (is(call, "cross_entropy")) again(1, 1);
  if (call.accumulate && (is(call, "matmul") || is(call, "matmul_fp8") || is(call, "rmsnorm_backward"))) again(0, 1);
  return sum;
}

std::string name_of(const OperationCall& call) {
  if (is(call, "matmul_fp8")) {
    const auto &c = call.tensors[0].shape, &a = call.tensors[1].shape;
    return fmt::format("matmul_fp8 {}x{}x{}{}", c[0], c[1], a[1], call.accumulate ? " +=" : "");
  }
  if (!is(call, "matmul")) return call.name;
  const char* form = call.transposes[0] == Transpose::yes ? "TN" : call.transposes[1] == Transpose::yes ? "NT" : "NN";
  const auto& c = call.tensors[0].shape;
  return fmt::format("matmul {} {}x{}x{}{}", form, c[0], c[1], inner_size(call), call.accumulate ? " +=" : "");
}

const char* kind_of(const std::string& operation) {
  if (operation.starts_with("matmul")) return "products";
  if (operation.starts_with("attention")) return "attention";
  for (const char* name : {"adamw", "ademamix", "sum_of_squares", "axpby"}) {
    if (operation == name) return "optimizer";
  }
  return "elements";
}

void OperationTimes::begin(const OperationCall& call) {
  if (clock_) clock_->mark(call.name);
}

void OperationTimes::end(const OperationCall& call) {
  if (!clock_) return;
  clock_->mark(nullptr);
  pending_.push_back({name_of(call), 1, 0, flops_of(call, documents_), bytes_of(call)});
}

void OperationTimes::read() {
  if (!clock_) return;
  std::size_t next = 0;
  clock_->read([&](const char* what, double seconds) {
    if (what == nullptr) {
      between_ += seconds;
      return;
    }
    const OperationTime& call = pending_.at(next++);
    OperationTime& sum = times_[call.name];
    sum.name = call.name;
    sum.calls += 1;
    sum.seconds += seconds;
    sum.flops += call.flops;
    sum.bytes += call.bytes;
  });
  pending_.clear();
}

std::vector<OperationTime> OperationTimes::operations() const {
  std::vector<OperationTime> all;
  for (const auto& [name, time] : times_) all.push_back(time);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return all;
}

}  // namespace cairn::train
