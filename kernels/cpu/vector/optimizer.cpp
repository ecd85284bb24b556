// Updates of the optimizers: one pass over memory, which is what they cost.
//
// This file is compiled without contraction of a * b + c, and spells no fused multiply-add: each operation is rounded on its own,
// so parameters and moments get the same bits on every instruction set.
#include "kernels/cpu/vector/optimizer.h"

#include "kernels/cpu/vector/simd.h"

namespace cairn::cpu::CAIRN_ISA {
namespace {

constexpr std::int64_t kBlock = 128;  // elements that share 16 blocks of random numbers, numbered by the whole model

// 16 uniform bits for each element of a block (kernels/ops.h): lane j % 16 holds the generator's block, its four words the bits
// of elements 32 apart.
CAIRN_INLINE void draw_block(std::uint64_t block, std::uint32_t moment, const AdamStep& step, std::uint16_t* draws) {
  for (int lane = 0; lane < 16; lane += W) {
    const std::uint64_t first = block * 16 + static_cast<std::uint64_t>(lane);  // a multiple of W: no carry between lanes
    IntVec c0 = add_int(splat_int(static_cast<std::uint32_t>(first)), count_lanes());
    IntVec c1 = splat_int(static_cast<std::uint32_t>(first >> 32));
    IntVec c2 = splat_int(moment), c3 = splat_int(step.step);
    std::uint32_t k0 = static_cast<std::uint32_t>(step.seed), k1 = static_cast<std::uint32_t>(step.seed >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      IntVec high0, low0, high1, low1;
      multiply_wide(c0, splat_int(0xD2511F53u), high0, low0);
      multiply_wide(c2, splat_int(0xCD9E8D57u), high1, low1);
      c0 = exclusive_or(exclusive_or(high1, c1), splat_int(k0));
      c1 = low1;
      c2 = exclusive_or(exclusive_or(high0, c3), splat_int(k1));
      c3 = low0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    const IntVec words[4] = {c0, c1, c2, c3};
#pragma GCC unroll 4
    for (int word = 0; word < 4; ++word) {
      store_halves(draws + 32 * word + lane, words[word]);
      store_halves(draws + 32 * word + 16 + lane, upper_half(words[word]));
    }
  }
}

// One moment within one block of elements.
class Moment {
 public:
  CAIRN_INLINE Moment(StoredFloats stored, std::uint32_t moment) : stored_(stored), moment_(moment) {}

  CAIRN_INLINE void begin_block(std::uint64_t block, const AdamStep& step) {
    if (stored_.bf16) draw_block(block, moment_, step, draws_);
  }
  CAIRN_INLINE Vec at(std::int64_t i, std::int64_t left) const {
    return stored_.bf16 ? read(static_cast<const Bf16*>(stored_.data) + i, left)
                        : read(static_cast<const float*>(stored_.data) + i, left);
  }
  // `place`: of element i in its block.
  CAIRN_INLINE void put(std::int64_t i, std::int64_t place, Vec v, std::int64_t left) {
    if (!stored_.bf16) return write(static_cast<float*>(stored_.data) + i, v, left);
    const IntVec up = upper_half(add_int(bits(v), load_halves(draws_ + place)));
    store_halves_first(&(static_cast<Bf16*>(stored_.data) + i)->bits, select(finite(v), up, round_to_halves(v)), left);
  }

 private:
  StoredFloats stored_;
  std::uint32_t moment_;
  alignas(64) std::uint16_t draws_[kBlock + W] = {};
};

// Calls body(i, place, left) for the vectors of elements [begin, end), block by block of the model's numbering, and
// next_block(number) before each block.
template <typename NextBlock, typename Body>
CAIRN_INLINE void each_block(std::int64_t begin, std::int64_t end, const AdamStep& step, NextBlock&& next_block, Body&& body) {
  for (std::int64_t i = begin; i < end;) {
    const std::uint64_t element = step.first_element + static_cast<std::uint64_t>(i);
    const std::int64_t place = static_cast<std::int64_t>(element % kBlock);
    const std::int64_t count = end - i < kBlock - place ? end - i : kBlock - place;
    next_block(element / kBlock);
    for (std::int64_t j = 0; j < count; j += W) body(i + j, place + j, count - j);
    i += count;
  }
}

CAIRN_INLINE void put_copy(StoredFloats copy, std::int64_t i, Vec v, std::int64_t left) {
  if (copy.data == nullptr) return;
  if (copy.bf16) {
    write_exactly(static_cast<Bf16*>(copy.data) + i, v, left);
  } else {
    write(static_cast<float*>(copy.data) + i, v, left);
  }
}

// Moments move by (1 - beta) of the distance: beta itself near 1 would be rounded away in float32.
CAIRN_INLINE Vec towards(Vec before, Vec to, float rest) {
  return before + splat(rest) * (to - before);
}

}  // namespace

void adamw(std::int64_t begin, std::int64_t end, float* p, StoredFloats m, StoredFloats v, const float* g, StoredFloats copy,
           const AdamStep& step) {
  Moment first(m, 0), second(v, 1);
  const auto next_block = [&](std::uint64_t block) {
    first.begin_block(block, step);
    second.begin_block(block, step);
  };
  each_block(begin, end, step, next_block, [&](std::int64_t i, std::int64_t place, std::int64_t left) {
    const Vec grad = read(g + i, left) * splat(step.gradient_scale), value = read(p + i, left);
    const Vec mean = towards(first.at(i, left), grad, step.beta1_rest);
    const Vec square = towards(second.at(i, left), grad * grad, step.beta2_rest);
    first.put(i, place, mean, left);
    second.put(i, place, square, left);
    const Vec denominator = sqrt(square) * splat(step.inverse_sqrt_correction2) + splat(step.eps);
    const Vec update = splat(step.weight_decay) * value + mean * splat(step.inverse_correction1) / denominator;
    const Vec now = value - splat(step.lr) * update;
    write(p + i, now, left);
    put_copy(copy, i, now, left);
  });
}

void ademamix(std::int64_t begin, std::int64_t end, float* p, StoredFloats m1, StoredFloats m2, StoredFloats v, const float* g,
              StoredFloats copy, const AdamStep& step) {
  Moment first(m1, 0), slow_moment(m2, 1), second(v, 2);
  const auto next_block = [&](std::uint64_t block) {
    first.begin_block(block, step);
    slow_moment.begin_block(block, step);
    second.begin_block(block, step);
  };
  each_block(begin, end, step, next_block, [&](std::int64_t i, std::int64_t place, std::int64_t left) {
    const Vec grad = read(g + i, left) * splat(step.gradient_scale), value = read(p + i, left);
    const Vec fast = towards(first.at(i, left), grad, step.beta1_rest);
    const Vec slow = towards(slow_moment.at(i, left), grad, step.beta3_rest);
    const Vec square = towards(second.at(i, left), grad * grad, step.beta2_rest);
    first.put(i, place, fast, left);
    slow_moment.put(i, place, slow, left);
    second.put(i, place, square, left);
    const Vec denominator = sqrt(square) * splat(step.inverse_sqrt_correction2) + splat(step.eps);
    const Vec direction = (splat(step.alpha) * slow + fast * splat(step.inverse_correction1)) / denominator;
    const Vec now = value - splat(step.lr) * (splat(step.weight_decay) * value + direction);
    write(p + i, now, left);
    put_copy(copy, i, now, left);
  });
}

}  // namespace cairn::cpu::CAIRN_ISA
