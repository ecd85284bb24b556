// What operations check about their arguments before a backend sees them. Each failure is an Error that names the operation, the
// argument, what was found and what was expected. For ops.cpp alone.
#pragma once

#include <initializer_list>
#include <string>

#include "kernels/backend.h"

namespace cairn::ops {

// A tensor argument with its name in ops.h.
struct Named {
  const char* name;
  const Tensor& tensor;
};
using Arguments = std::initializer_list<Named>;

// The checks of one operation on one backend.
class Checks {
 public:
  Checks(const char* op, const Context& context) : op_(op), backend_(context.backend) {}

  // The activation type: of the first argument, which the backend must know; the others must have it too, with memory, contiguous
  // where not said otherwise.
  Dtype activations(Arguments arguments, bool contiguous = true) const;
  // The statistics type that goes with activation type A.
  void statistics(Dtype A, Arguments arguments, bool contiguous = true) const;
  // One of the backend's float types.
  void float_type(const Named& argument) const;

  void fp8(const Named& argument) const;
  void indices(const Named& argument, std::int64_t size) const;
  // Each index in [0, limit), where they lie on the host. `what` names one of them: "token".
  void range(const char* what, const Tensor& indices, std::int64_t limit) const;

  void shape(const Named& argument, std::initializer_list<std::int64_t> sizes) const;
  void size(const Named& argument, std::int64_t size) const;
  void like(const Named& argument, const Named& model) const;
  void dims(const Named& argument, int dims) const;
  void last_contiguous(Arguments arguments) const;  // the last dimension's values lie side by side

  [[noreturn]] void refuse(const Named& argument, const std::string& expected) const;

 private:
  void present(const Named& argument, bool contiguous) const;
  bool knows(Dtype dtype) const;

  const char* op_;
  const Backend& backend_;
};

}  // namespace cairn::ops
