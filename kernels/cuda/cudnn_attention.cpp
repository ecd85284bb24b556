#include "kernels/cuda/cudnn_attention.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <list>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "kernels/cuda/libraries.h"

namespace cairn::cuda {

const char* const kHopperForCudnn =
    R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":132,)"
    R"("warpSize":32,"maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,)"
    R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,)"
    R"("isTccDriver":0,"supportCoopLaunch":1,"totalGlobalMem":85000000000,"smClockRateKHz":1980000,"memClockRateKHz":2619000,)"
    R"("l2CacheSize":52428800,"cudaDeviceId":0,"deviceVer":900,"driverVer":13000,"deviceName":"NVIDIA H100"})";

#ifndef CAIRN_HAS_CUDNN

struct CudnnAttention::State {};
CudnnAttention::CudnnAttention(const CudnnAttentionShape&, CudnnPass) {
  fail("{} cannot be used: {}", cudnn_library().name, cudnn_library().reason);
}
CudnnAttention::~CudnnAttention() = default;
std::vector<std::int64_t> CudnnAttention::engines_on(const std::string&) const {
  return {};
}
std::int64_t CudnnAttention::prepare(void*) {
  return 0;
}
void CudnnAttention::forward(void*, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void CudnnAttention::backward(void*, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                              const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}

#else

namespace {

using Sizes = std::array<std::int64_t, 4>;

const Cudnn& cudnn() {
  const Library<Cudnn>& library = cudnn_library();
  if (!library.functions) fail("{} is needed and cannot be used: {}", library.name, library.reason);
  return *library.functions;
}

void check(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char text[512] = "";
  cudnn().last_error(text, sizeof text);
  fail("cuDNN: {}: {} {}", what, cudnn().error_string(status), text);
}

class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    check(cudnn().create_descriptor(type, &descriptor_), "making a descriptor");
  }
  ~Descriptor() {
    if (descriptor_) cudnn().destroy_descriptor(descriptor_);
  }
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  cudnnBackendDescriptor_t get() const { return descriptor_; }
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count, const void* values) {
    check(cudnn().set_attribute(descriptor_, name, type, count, values), "describing a graph");
  }
  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, T value) {
    set(name, type, 1, &value);
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& other) { set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, other.get()); }
  void finish(const char* what) { check(cudnn().finalize(descriptor_), what); }

 private:
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

// Tensors that are given at execution; the others are numbered behind them.
enum Id : std::int64_t { kQ = 1, kK, kV, kO, kStats, kScale, kHidden, kGradO, kGradQ, kGradK, kGradV, kMeans, kSums, kInside };

// Builds a graph node by node; all shapes are [B, heads, rows, columns].
class Builder {
 public:
  const Descriptor& given(Id id, const Sizes& shape, const Sizes& strides, cudnnDataType_t type, bool by_value = false) {
    return tensor(id, shape, strides, type, false, by_value);
  }
  const Descriptor& inner(const Sizes& shape, cudnnDataType_t type = CUDNN_DATA_FLOAT) {
    const Sizes strides{shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1};
    return tensor(next_++, shape, strides, type, true, false);
  }
  const Descriptor& inner(const Sizes& shape, const Sizes& strides, cudnnDataType_t type) {
    return tensor(next_++, shape, strides, type, true, false);
  }

  void matmul(const Descriptor& a, const Descriptor& b, const Descriptor& c) {
    Descriptor& how = details_.emplace_back(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    how.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    how.finish("a product");
    Descriptor& node = operations_.emplace_back(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    node.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, a);
    node.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
    node.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, c);
    node.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, how);
    node.finish("a product");
  }
  void pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b, const Descriptor& y,
                 const Descriptor* choice = nullptr, std::int64_t axis = -1) {
    Descriptor& how = details_.emplace_back(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    how.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
    how.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    if (axis >= 0) how.set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, axis);
    how.finish("a pointwise operation");
    Descriptor& node = operations_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    node.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
    node.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b) node.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
    if (choice) node.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, *choice);
    node.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    node.finish("a pointwise operation");
  }
  void reduce(cudnnReduceTensorOp_t op, const Descriptor& x, const Descriptor& y) {
    Descriptor& how = details_.emplace_back(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    how.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, op);
    how.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    how.finish("a reduction");
    Descriptor& node = operations_.emplace_back(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    node.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
    node.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
    node.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, how);
    node.finish("a reduction");
  }
  void reshape(const Descriptor& x, const Descriptor& y) {
    Descriptor& node = operations_.emplace_back(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    node.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x);
    node.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y);
    node.finish("a transposition");
  }

  Descriptor finish() {
    std::vector<cudnnBackendDescriptor_t> nodes;
    for (const Descriptor& each : operations_) nodes.push_back(each.get());
    Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(nodes.size()),
              nodes.data());
    graph.finish("the graph of attention");
    return graph;
  }

 private:
  const Descriptor& tensor(std::int64_t id, const Sizes& shape, const Sizes& strides, cudnnDataType_t type, bool is_virtual,
                           bool by_value) {
    Descriptor& made = tensors_.emplace_back(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    made.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
    made.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
    made.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::int64_t{16});
    made.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, shape.data());
    made.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides.data());
    if (is_virtual) made.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, true);
    if (by_value) made.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, true);
    made.finish("a tensor");
    return made;
  }

  std::list<Descriptor> tensors_, details_, operations_;
  std::int64_t next_ = kInside;
};

// The parts that both passes share.
struct Parts {
  Builder& graph;
  CudnnAttentionShape s;

  // A [B, T, heads, E] tensor by heads, or with its last two dimensions exchanged.
  const Descriptor& rows(Id id, std::int64_t heads) {
    return graph.given(id, {s.B, heads, s.T, s.E}, {s.T * heads * s.E, s.E, heads * s.E, 1}, CUDNN_DATA_BFLOAT16);
  }
  const Descriptor& columns(Id id, std::int64_t heads) {
    return graph.given(id, {s.B, heads, s.E, s.T}, {s.T * heads * s.E, s.E, 1, heads * s.E}, CUDNN_DATA_BFLOAT16);
  }
  const Descriptor& of_rows(Id id) { return graph.given(id, {s.B, s.H, s.T, 1}, {s.H * s.T, s.T, 1, 1}, CUDNN_DATA_FLOAT); }
  const Descriptor& number(Id id) { return graph.given(id, {1, 1, 1, 1}, {1, 1, 1, 1}, CUDNN_DATA_FLOAT, true); }
  Sizes square() const { return {s.B, s.H, s.T, s.T}; }
  Sizes column() const { return {s.B, s.H, s.T, 1}; }

  // scale q k^T.
  const Descriptor& scores(const Descriptor& q, const Descriptor& k_columns, const Descriptor& factor) {
    const Descriptor& product = graph.inner(square());
    graph.matmul(q, k_columns, product);
    const Descriptor& scaled = graph.inner(square());
    graph.pointwise(CUDNN_POINTWISE_MUL, product, &factor, scaled);
    return scaled;
  }
  // Minus infinity where the key is later than the query.
  const Descriptor& masked(const Descriptor& scores) {
    const Descriptor& row = graph.inner(square(), CUDNN_DATA_INT32);
    graph.pointwise(CUDNN_POINTWISE_GEN_INDEX, scores, nullptr, row, nullptr, 2);
    const Descriptor& key = graph.inner(square(), CUDNN_DATA_INT32);
    graph.pointwise(CUDNN_POINTWISE_GEN_INDEX, scores, nullptr, key, nullptr, 3);
    const Descriptor& seen = graph.inner(square(), CUDNN_DATA_BOOLEAN);
    graph.pointwise(CUDNN_POINTWISE_CMP_GE, row, &key, seen);
    const Descriptor& result = graph.inner(square());
    graph.pointwise(CUDNN_POINTWISE_BINARY_SELECT, scores, &number(kHidden), result, &seen);
    return result;
  }
  // x with its last two dimensions exchanged, in bfloat16.
  const Descriptor& transposed(const Descriptor& x, const Sizes& shape, const Sizes& strides) {
    const Descriptor& y = graph.inner(shape, strides, CUDNN_DATA_BFLOAT16);
    graph.reshape(x, y);
    return y;
  }
  // The gradient of keys or values: left [T, T] right [T, E] for each query head, summed over those that share a key head.
  void gradient(const Descriptor& left, const Descriptor& right, Id to) {
    if (s.H == s.K) return graph.matmul(left, right, rows(to, s.K));
    const Descriptor& all = graph.inner({s.B, s.H, s.T, s.E}, CUDNN_DATA_BFLOAT16);
    graph.matmul(left, right, all);
    graph.reduce(CUDNN_REDUCE_TENSOR_ADD, all, rows(to, s.K));
  }
};

void build_forward(Builder& graph, const CudnnAttentionShape& s) {
  Parts parts{graph, s};
  const Descriptor& score = parts.masked(parts.scores(parts.rows(kQ, s.H), parts.columns(kK, s.K), parts.number(kScale)));
  const Descriptor& largest = graph.inner(parts.column());
  graph.reduce(CUDNN_REDUCE_TENSOR_MAX, score, largest);
  const Descriptor& lowered = graph.inner(parts.square());
  graph.pointwise(CUDNN_POINTWISE_SUB, score, &largest, lowered);
  const Descriptor& exponential = graph.inner(parts.square());
  graph.pointwise(CUDNN_POINTWISE_EXP, lowered, nullptr, exponential);
  const Descriptor& sum = graph.inner(parts.column());
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, exponential, sum);
  const Descriptor& log_sum = graph.inner(parts.column());
  graph.pointwise(CUDNN_POINTWISE_LOG, sum, nullptr, log_sum);
  graph.pointwise(CUDNN_POINTWISE_ADD, largest, &log_sum, parts.of_rows(kStats));
  const Descriptor& probability = graph.inner(parts.square(), CUDNN_DATA_BFLOAT16);
  graph.pointwise(CUDNN_POINTWISE_DIV, exponential, &sum, probability);
  graph.matmul(probability, parts.rows(kV, s.K), parts.rows(kO, s.H));
}

void build_backward(Builder& graph, const CudnnAttentionShape& s, bool deterministic) {
  Parts parts{graph, s};
  const Descriptor &d_o = parts.rows(kGradO, s.H), &q = parts.rows(kQ, s.H), &factor = parts.number(kScale);
  const Descriptor& product = graph.inner({s.B, s.H, s.T, s.E});
  graph.pointwise(CUDNN_POINTWISE_MUL, d_o, &parts.rows(kO, s.H), product);
  const Descriptor& means = parts.of_rows(kMeans);
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, product, means);

  const Descriptor& k = parts.columns(kK, s.K);
  const Descriptor& score = parts.scores(q, k, factor);
  const Descriptor& lowered = graph.inner(parts.square());
  graph.pointwise(CUDNN_POINTWISE_SUB, score, &parts.of_rows(kStats), lowered);
  const Descriptor& probability = graph.inner(parts.square());
  graph.pointwise(CUDNN_POINTWISE_EXP, parts.masked(lowered), nullptr, probability);
  const Sizes turned{s.H * s.T * s.T, s.T * s.T, 1, s.T};
  parts.gradient(parts.transposed(probability, parts.square(), turned), d_o, kGradV);

  const Descriptor& dp = graph.inner(parts.square());
  graph.matmul(d_o, parts.columns(kV, s.K), dp);
  const Descriptor& centred = graph.inner(parts.square());
  graph.pointwise(CUDNN_POINTWISE_SUB, dp, &means, centred);
  const Descriptor& weighted = graph.inner(parts.square());
  graph.pointwise(CUDNN_POINTWISE_MUL, centred, &probability, weighted);
  const Descriptor& ds = graph.inner(parts.square());
  graph.pointwise(CUDNN_POINTWISE_MUL, weighted, &factor, ds);
  parts.gradient(parts.transposed(ds, parts.square(), turned), q, kGradK);
  const Descriptor& k_rows = parts.transposed(k, {s.B, s.K, s.T, s.E}, {s.T * s.K * s.E, s.E, s.K * s.E, 1});
  if (deterministic) {
    graph.matmul(ds, k_rows, parts.rows(kGradQ, s.H));
  } else {
    const Descriptor& sums = graph.given(kSums, {s.B, s.H, s.T, s.E}, {s.H * s.T * s.E, s.T * s.E, s.E, 1}, CUDNN_DATA_FLOAT);
    graph.matmul(ds, k_rows, sums);
    graph.pointwise(CUDNN_POINTWISE_IDENTITY, sums, nullptr, parts.rows(kGradQ, s.H));
  }
}

// What the heuristic proposes, as configurations of engines.
std::vector<Descriptor> proposals(const Descriptor& graph, const Descriptor* device) {
  Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  if (device) heuristic.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device);
  heuristic.finish("asking for engines");
  std::vector<Descriptor> configurations;
  std::vector<cudnnBackendDescriptor_t> raw;
  constexpr std::int64_t kMost = 16;
  for (std::int64_t i = 0; i < kMost; ++i) raw.push_back(configurations.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
  std::int64_t count = 0;
  check(cudnn().get_attribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, kMost, &count,
                              raw.data()),
        "asking for engines");
  while (static_cast<std::int64_t>(configurations.size()) > count) configurations.pop_back();
  return configurations;
}

std::int64_t engine_of(const Descriptor& configuration) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.get();
  std::int64_t count = 0, index = -1;
  check(cudnn().get_attribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
        "reading an engine");
  check(cudnn().get_attribute(engine.get(), CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count, &index),
        "reading an engine");
  return index;
}

}  // namespace

struct CudnnAttention::State {
  Builder builder;
  std::optional<Descriptor> graph;
  std::optional<Descriptor> plan;
  cudnnHandle_t handle = nullptr;
  float scale = 1, hidden = -std::numeric_limits<float>::infinity();

  ~State() {
    if (handle) cudnn().destroy(handle);
  }
  void execute(void* workspace, std::vector<std::pair<Id, void*>> tensors) {
    if (!plan) fail("cuDNN: attention was not prepared");
    tensors.emplace_back(kScale, &scale);
    tensors.emplace_back(kHidden, &hidden);
    std::vector<std::int64_t> ids;
    std::vector<void*> pointers;
    for (const auto& [id, data] : tensors) {
      ids.push_back(id);
      pointers.push_back(data);
    }
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    const auto count = static_cast<std::int64_t>(ids.size());
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids.data());
    pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers.data());
    pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
    pack.finish("the tensors of attention");
    check(cudnn().execute(handle, plan->get(), pack.get()), "attention");
  }
};

CudnnAttention::CudnnAttention(const CudnnAttentionShape& shape, CudnnPass pass) : state_(std::make_unique<State>()) {
  state_->scale = static_cast<float>(shape.scale);
  if (pass == CudnnPass::forward) {
    build_forward(state_->builder, shape);
  } else {
    build_backward(state_->builder, shape, pass == CudnnPass::backward_deterministic);
  }
  state_->graph.emplace(state_->builder.finish());
}

CudnnAttention::~CudnnAttention() = default;

std::vector<std::int64_t> CudnnAttention::engines_on(const std::string& device) const {
  Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, static_cast<std::int64_t>(device.size()) + 1,
                 device.c_str());
  properties.finish("a device");
  std::vector<std::int64_t> found;
  for (const Descriptor& each : proposals(*state_->graph, &properties)) found.push_back(engine_of(each));
  if (!found.empty()) return found;
  // Without a driver every proposal is dropped in the end, and the message names them and what they miss.
  std::string message(64 << 10, '\0');
  cudnn().last_error(message.data(), message.size());
  constexpr std::string_view kEngine = "\"engineId\":";
  for (std::size_t at = message.find(kEngine); at != std::string::npos; at = message.find(kEngine, at + 1)) {
    const std::string_view entry = std::string_view(message).substr(at, message.find(kEngine, at + 1) - at);
    const std::int64_t engine = std::atoll(message.c_str() + at + kEngine.size());
    const bool fits = entry.find("NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING") != std::string_view::npos;
    if (fits && std::find(found.begin(), found.end(), engine) == found.end()) found.push_back(engine);
  }
  return found;
}

std::int64_t CudnnAttention::prepare(void* stream) {
  State& s = *state_;
  check(cudnn().create(&s.handle), "starting");
  check(cudnn().set_stream(s.handle, static_cast<cudaStream_t>(stream)), "starting");
  Descriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set(CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, s.handle);
  device.finish("the GPU");
  std::string refusal = "it proposes none";
  for (const Descriptor& configuration : proposals(*s.graph, &device)) {
    try {
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, s.handle);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
      plan.finish("a plan");
      std::int64_t count = 0, bytes = 0;
      check(cudnn().get_attribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count, &bytes),
            "asking for the workspace");
      s.plan.emplace(std::move(plan));
      return bytes;
    } catch (const Error& error) {
      refusal = error.what();
    }
  }
  fail("cuDNN has no engine for this attention: {}", refusal);
}

void CudnnAttention::forward(void* workspace, const Tensor& o, const Tensor& stats, const Tensor& q, const Tensor& k,
                             const Tensor& v) {
  state_->execute(workspace, {{kO, o.data}, {kStats, stats.data}, {kQ, q.data}, {kK, k.data}, {kV, v.data}});
}

void CudnnAttention::backward(void* workspace, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o,
                              const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& stats,
                              const Tensor& means, const Tensor& sums) {
  std::vector<std::pair<Id, void*>> tensors{{kGradQ, dq.data},    {kGradK, dk.data},   {kGradV, dv.data}, {kGradO, d_o.data},
                                            {kQ, q.data},         {kK, k.data},        {kV, v.data},      {kO, o.data},
                                            {kStats, stats.data}, {kMeans, means.data}};
  if (!sums.empty()) tensors.emplace_back(kSums, sums.data);
  state_->execute(workspace, tensors);
}

#endif

}  // namespace cairn::cuda
