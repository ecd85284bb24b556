// The numbers that a case's tensors hold before it runs, and their types.
#include <cmath>

#include "kernels/bf16.h"
#include "kernels/fp8.h"
#include "tests/kernels/op_cases.h"

namespace cairn::test {
namespace {

// Cheap random numbers addressed by index (SplitMix64, Steele et al. 2014): large cases hold millions.
struct Draws {
  std::uint64_t key;
  std::uint64_t bits(std::int64_t index) const {
    std::uint64_t z = key + (static_cast<std::uint64_t>(index) + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::int64_t below(std::int64_t index, std::int64_t limit) const { return static_cast<std::int64_t>(bits(index) >> 1) % limit; }
  // Mean 0, variance 1: the sum of four 16-bit uniform numbers.
  double normal(std::int64_t index) const {
    const std::uint64_t b = bits(index);
    const double sum = static_cast<double>((b & 0xffff) + (b >> 16 & 0xffff) + (b >> 32 & 0xffff) + (b >> 48));
    return (sum / 65536 - 2) * 1.7320508075688772;
  }
};

double number(const Argument& argument, const Draws& random, std::int64_t i, std::int64_t width) {
  const std::int64_t at = i;
  switch (argument.fill) {
    case Fill::normal:
      return static_cast<float>(random.normal(at));
    case Fill::small:
      return static_cast<float>(0.02 * random.normal(at));
    case Fill::positive:
      return static_cast<float>(0.1 * std::abs(random.normal(at)));
    case Fill::weights:
      return i % 3 == 1 ? 0.0 : static_cast<float>(1.0 / static_cast<double>(argument.shape[0]));
    case Fill::tokens:
      return static_cast<double>(random.below(at, argument.limit));
    case Fill::positions:
      return static_cast<double>(i % argument.limit);
    case Fill::documents: {
      // A document begins where a draw says so, 60 tokens long on average; `limit` keys lie before the first query.
      const std::int64_t row = i / width * (width + argument.limit);
      std::int64_t key = i % width + argument.limit;
      while (key > 0 && random.below(row + key, 60) != 0) --key;
      return static_cast<double>(key);
    }
    case Fill::start:
    case Fill::zero:
      return 0;
  }
  return 0;
}

bool is_index(Fill fill) {
  return fill == Fill::tokens || fill == Fill::positions || fill == Fill::documents || fill == Fill::start;
}

Tensor shaped(void* data, Dtype dtype, const std::vector<std::int64_t>& s) {
  switch (s.size()) {
    case 1:
      return Tensor(data, dtype, {s[0]});
    case 2:
      return Tensor(data, dtype, {s[0], s[1]});
    case 3:
      return Tensor(data, dtype, {s[0], s[1], s[2]});
    default:
      return Tensor(data, dtype, {s[0], s[1], s[2], s[3]});
  }
}

}  // namespace

double Traffic::bytes(Dtype A) const {
  return activations * static_cast<double>(dtype_bytes(A)) + statistics * (A == Dtype::f64 ? 8 : 4);
}

Dtype dtype_of(const Argument& argument, Dtype A) {
  if (is_index(argument.fill)) return Dtype::i32;
  if (argument.kind == Kind::fp8) return Dtype::fp8_e4m3;
  if (argument.kind == Kind::float64) return Dtype::f64;
  const bool statistics = argument.kind == Kind::statistics || argument.kind == Kind::returned;
  return statistics && A == Dtype::bf16 ? Dtype::f32 : A;
}

namespace {

double number_at(const Tensor& tensor, std::int64_t i) {
  switch (tensor.dtype) {
    case Dtype::f64:
      return tensor.as<double>()[i];
    case Dtype::i32:
      return tensor.as<std::int32_t>()[i];
    case Dtype::bf16:
      return tensor.as<Bf16>()[i];
    case Dtype::fp8_e4m3:
      return tensor.as<Fp8>()[i];
    default:
      return tensor.as<float>()[i];
  }
}

void set_number(const Tensor& tensor, std::int64_t i, double value) {
  switch (tensor.dtype) {
    case Dtype::f64:
      tensor.as<double>()[i] = value;
      break;
    case Dtype::i32:
      tensor.as<std::int32_t>()[i] = static_cast<std::int32_t>(value);
      break;
    case Dtype::bf16:
      tensor.as<Bf16>()[i] = Bf16(value);
      break;
    case Dtype::fp8_e4m3:
      tensor.as<Fp8>()[i] = Fp8(static_cast<float>(value));
      break;
    default:
      tensor.as<float>()[i] = static_cast<float>(value);
  }
}

}  // namespace

CaseMemory::CaseMemory(const OpCase& op_case, Dtype A) : case_(op_case) {
  ArenaPlan plan;
  std::vector<ArenaSlot> slots;
  for (const Argument& argument : op_case.arguments) {
    const Tensor shape = shaped(nullptr, dtype_of(argument, A), argument.shape);
    slots.push_back(plan.add(argument.name, shape.dtype, {shape.size()}));
  }
  arena_ = Arena(std::move(plan));
  for (std::size_t a = 0; a < slots.size(); ++a) {
    const Argument& argument = op_case.arguments[a];
    const Tensor flat = arena_.tensor(slots[a]);
    const Draws random{std::hash<std::string>()(op_case.op + op_case.shape) + a * 0x632be59bd9b4e019u};
    for (std::int64_t i = 0; i < flat.size(); ++i) set_number(flat, i, number(argument, random, i, argument.shape.back()));
    tensors_.push_back(shaped(flat.data, flat.dtype, argument.shape));
  }
}

CaseMemory::CaseMemory(const OpCase& op_case, Dtype A, const CaseMemory& from) : CaseMemory(op_case, A) {
  for (std::size_t a = 0; a < tensors_.size(); ++a) {
    for (std::int64_t i = 0; i < tensors_[a].size(); ++i) set_number(tensors_[a], i, number_at(from.tensors_[a], i));
  }
}

void CaseMemory::round_to(Dtype A) {
  for (std::size_t a = 0; a < tensors_.size(); ++a) {
    const Dtype dtype = dtype_of(case_.arguments[a], A);
    for (std::int64_t i = 0; i < tensors_[a].size(); ++i) {
      const double value = number_at(tensors_[a], i);
      if (dtype == Dtype::bf16) set_number(tensors_[a], i, Bf16(value));
      if (dtype == Dtype::f32) set_number(tensors_[a], i, static_cast<float>(value));
    }
  }
}

std::vector<double> numbers(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.size()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = number_at(tensor, static_cast<std::int64_t>(i));
  return values;
}

}  // namespace cairn::test
