#include "kernels/memory.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace cairn {

namespace {

constexpr std::int64_t kWave = 16 << 20;  // bytes

void check_contiguous(const Tensor& tensor) {
  if (!tensor.contiguous()) fail("{} is not contiguous: its bytes cannot be moved as one", tensor.describe());
}

}  // namespace

void zero(const Tensor& tensor) {
  check_contiguous(tensor);
  const auto bytes = static_cast<std::size_t>(tensor.bytes());
  if (bytes == 0) return;
  if (tensor.on_host()) {
    std::memset(tensor.data, 0, bytes);
  } else {
    tensor.memory->fill_zero(tensor.data, bytes);
  }
}

void copy(const Tensor& to, const Tensor& from) {
  check_contiguous(to);
  check_contiguous(from);
  if (to.dtype != from.dtype || to.size() != from.size()) fail("{} cannot be copied to {}", from.describe(), to.describe());
  const auto bytes = static_cast<std::size_t>(to.bytes());
  if (bytes == 0) return;
  if (to.on_host() && from.on_host()) {
    std::memcpy(to.data, from.data, bytes);
  } else if (from.on_host()) {
    to.memory->write(to.data, from.data, bytes);
  } else if (to.on_host()) {
    from.memory->read(to.data, from.data, bytes);
  } else if (to.memory == from.memory) {
    to.memory->move(to.data, from.data, bytes);
  } else {
    fail("{} on {} cannot be copied to {}", from.describe(), from.memory->name(), to.memory->name());
  }
}

void in_waves(const Tensor& tensor, const std::function<void(const Tensor& part)>& use) {
  check_contiguous(tensor);
  const Tensor all = tensor.reshape({tensor.size()});
  if (all.on_host()) return use(all);
  const std::int64_t each = kWave / dtype_bytes(all.dtype);
  std::vector<std::byte> wave(static_cast<std::size_t>(std::min(kWave, all.bytes())));
  for (std::int64_t begin = 0; begin < all.size(); begin += each) {
    const std::int64_t end = std::min(all.size(), begin + each);
    const Tensor part(wave.data(), all.dtype, {end - begin});
    copy(part, all.rows(begin, end));
    use(part);
  }
}

}  // namespace cairn
