#include "engine/train/train_state.h"

#include <bit>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"

namespace cairn::train {

StateFields state_fields(TrainState& state) {
  return {
      {"step", &state.step},
      {"skipped", &state.skipped},
      {"skipped_in_a_row", &state.skipped_in_a_row},
      {"recent_losses", &state.recent_losses},
      {"recent_grad_norms", &state.recent_grad_norms},
      {"trace.jsonl", &state.trace},
  };
}

void append_trace(std::string& trace, std::int64_t step, double loss, double grad_norm) {
  trace += fmt::format("{{\"grad_norm\":\"{}\",\"loss\":\"{}\",\"step\":{}}}\n", bits_of(grad_norm), bits_of(loss), step);
}

std::string bits_of(double value) {
  return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(value));
}

double number_of_bits(const std::string& bits) {
  std::uint64_t value = 0;
  const char* end = bits.data() + bits.size();
  const auto parsed = std::from_chars(bits.data(), end, value, 16);
  if (bits.size() != 16 || parsed.ec != std::errc() || parsed.ptr != end) fail("expected 16 hex digits, found '{}'", bits);
  return std::bit_cast<double>(value);
}

}  // namespace cairn::train
