#include "kernels/observed_backend.h"

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "base/error.h"

namespace cairn {
namespace {

void take(OperationCall& call, const Tensor& tensor) {
  if (call.count < static_cast<int>(call.tensors.size())) call.tensors[static_cast<std::size_t>(call.count++)] = tensor;
}
void take(OperationCall& call, Transpose transpose) {
  call.transposes[0] = call.transposes[1];
  call.transposes[1] = transpose;
}
void take(OperationCall& call, bool accumulate) {
  call.accumulate = accumulate;
}
template <typename Other>
void take(OperationCall&, const Other&) {}

// A function of the entry's type. A backend's functions expect a context of their own backend.
template <auto entry, typename Result, typename... Arguments>
void watch(ObservedBackend& table, Result (*Backend::*)(Context&, Arguments...), const char* operation) {
  static const char* name = operation;
  if (table.inner->*entry == nullptr) return;
  table.*entry = [](Context& context, Arguments... arguments) -> Result {
    const auto& self = static_cast<const ObservedBackend&>(context.backend);
    Context own{*self.inner, context.pool};
    OperationCall call;
    call.name = name;
    (take(call, arguments), ...);
    self.observer->begin(call);
    if constexpr (std::is_void_v<Result>) {
      (self.inner->*entry)(own, arguments...);
      self.observer->end(call);
    } else {
      const Result result = (self.inner->*entry)(own, arguments...);
      self.observer->end(call);
      return result;
    }
  };
}

// An operation that was forgotten here would be called with a context of another backend than its own.
void check_complete(const ObservedBackend& table) {
  using Slot = void (*)();
  const auto first = offsetof(Backend, embedding_forward);
  for (std::size_t at = first; at + sizeof(Slot) <= sizeof(Backend); at += sizeof(Slot)) {
    Slot ours, theirs;
    std::memcpy(&ours, reinterpret_cast<const char*>(static_cast<const Backend*>(&table)) + at, sizeof(Slot));
    std::memcpy(&theirs, reinterpret_cast<const char*>(table.inner) + at, sizeof(Slot));
    if (theirs != nullptr && ours == nullptr) fail("operation {} of the backend is not observed", (at - first) / sizeof(Slot));
  }
}

}  // namespace

#define WATCH(operation) watch<&Backend::operation>(table, &Backend::operation, #operation)

ObservedBackend observe(const Backend& inner, OperationObserver& observer) {
  ObservedBackend table;
  table.name = inner.name;
  table.isa = inner.isa;
  table.float64 = inner.float64;
  table.inner = &inner;
  table.observer = &observer;
  WATCH(embedding_forward);
  WATCH(embedding_backward);
  WATCH(rmsnorm_forward);
  WATCH(rmsnorm_backward);
  WATCH(matmul);
  WATCH(bias_forward);
  WATCH(bias_backward);
  WATCH(rope);
  WATCH(attention_forward);
  WATCH(attention_backward);
  WATCH(xielu_forward);
  WATCH(xielu_backward);
  WATCH(swiglu_forward);
  WATCH(swiglu_backward);
  WATCH(relu2_forward);
  WATCH(relu2_backward);
  WATCH(add);
  WATCH(scale);
  WATCH(axpby);
  WATCH(convert);
  WATCH(cross_entropy);
  WATCH(sum_of_squares);
  WATCH(adamw);
  WATCH(ademamix);
  WATCH(add_rmsnorm_forward);
  WATCH(norm_rope_forward);
  WATCH(norm_rope_backward);
  check_complete(table);
  return table;
}

#undef WATCH

}  // namespace cairn
