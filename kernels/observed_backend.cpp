#include "kernels/observed_backend.h"

#include <type_traits>

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
    Context own{*self.inner, context.pool, context.queue};
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

}  // namespace

#define WATCH(entry) watch<&Backend::entry>(table, &Backend::entry, #entry);

ObservedBackend observe(const Backend& inner, OperationObserver& observer) {
  ObservedBackend table;
  table.name = inner.name;
  table.isa = inner.isa;
  table.float64 = inner.float64;
  table.inner = &inner;
  table.observer = &observer;
  CAIRN_OPERATIONS(WATCH)
  return table;
}

}  // namespace cairn
