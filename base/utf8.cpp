#include "base/utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "base/display_width.h"

namespace cairn {
namespace {

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}
char32_t low_bits(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]) & 0x3F;
}

template <std::size_t N>
bool in_ranges(const CodePointRange (&ranges)[N], char32_t code_point) {
  const auto after = std::upper_bound(std::begin(ranges), std::end(ranges), code_point,
                                      [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != std::begin(ranges) && code_point <= std::prev(after)->last;
}

// Validation of whole blocks of 16 bytes by three table look-ups a byte (Keiser and Lemire 2021, "Validating UTF-8 in less than
// one instruction per byte"): what a byte's high half, its low half and the next byte's high half each allow is a set of errors,
// and their intersection must be empty.
using Block = unsigned char __attribute__((vector_size(16)));

enum Utf8Error : unsigned char {
  kTooShort = 1,       // a lead byte without what should follow
  kTooLong = 2,        // a continuation behind ASCII
  kOverlong3 = 4,      // E0 80..9F
  kTooLarge = 8,       // F4 90..BF, F5..FF
  kSurrogate = 16,     // ED A0..BF
  kOverlong2 = 32,     // C0, C1
  kTooLarge1000 = 64,  // F5..FF 80..8F
  kOverlong4 = 64,     // F0 80..8F
  kTwoContinue = 128,  // two continuations: right only behind a lead of three or four bytes
  kCarry = kTooShort | kTooLong | kTwoContinue
};

#define CAIRN_TIMES_4(x) x, x, x, x
constexpr Block kFirstHigh = {CAIRN_TIMES_4(kTooLong),
                              CAIRN_TIMES_4(kTooLong),
                              CAIRN_TIMES_4(kTwoContinue),
                              kTooShort | kOverlong2,
                              kTooShort,
                              kTooShort | kOverlong3 | kSurrogate,
                              kTooShort | kTooLarge | kTooLarge1000 | kOverlong4};
constexpr unsigned char kLarge = kCarry | kTooLarge | kTooLarge1000;
constexpr Block kFirstLow = {kCarry | kOverlong3 | kOverlong2 | kOverlong4,
                             kCarry | kOverlong2,
                             kCarry,
                             kCarry,
                             kCarry | kTooLarge,
                             kLarge,
                             kLarge,
                             kLarge,
                             CAIRN_TIMES_4(kLarge),
                             kLarge,
                             kLarge | kSurrogate,
                             kLarge,
                             kLarge};
constexpr unsigned char kContinue = kTooLong | kOverlong2 | kTwoContinue;
constexpr Block kSecondHigh = {CAIRN_TIMES_4(kTooShort),
                               CAIRN_TIMES_4(kTooShort),
                               kContinue | kOverlong3 | kTooLarge1000 | kOverlong4,
                               kContinue | kOverlong3 | kTooLarge,
                               kContinue | kSurrogate | kTooLarge,
                               kContinue | kSurrogate | kTooLarge,
                               CAIRN_TIMES_4(kTooShort)};
#undef CAIRN_TIMES_4

// The last three bytes of a text that may still be the beginning of a character: where that begins, else `end`.
std::size_t before_unfinished(std::string_view text, std::size_t end) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, end); ++back) {
    const auto byte = static_cast<unsigned char>(text[end - back]);
    if (byte < 0x80) return end;
    if (byte >= 0xC0) return end - back;
  }
  return end;
}

#if defined(__x86_64__)
#define CAIRN_TABLE_CODE __attribute__((target("avx2")))  // of which only what has 16 bytes is used
#else
#define CAIRN_TABLE_CODE
#endif

#if defined(__x86_64__) || defined(__aarch64__)
// table[indices[i]] for each i; indices below 16.
CAIRN_TABLE_CODE inline Block look_up(Block table, Block indices) {
#if defined(__x86_64__)
  return reinterpret_cast<Block>(_mm_shuffle_epi8(reinterpret_cast<__m128i>(table), reinterpret_cast<__m128i>(indices)));
#else
  return reinterpret_cast<Block>(vqtbl1q_u8(reinterpret_cast<uint8x16_t>(table), reinterpret_cast<uint8x16_t>(indices)));
#endif
}
// The bytes that stand `Bytes` before those of `block`; `before` is the block before it.
template <int Bytes>
CAIRN_TABLE_CODE inline Block shifted(Block before, Block block) {
#if defined(__x86_64__)
  return reinterpret_cast<Block>(
      _mm_alignr_epi8(reinterpret_cast<__m128i>(block), reinterpret_cast<__m128i>(before), 16 - Bytes));
#else
  return reinterpret_cast<Block>(vextq_u8(reinterpret_cast<uint8x16_t>(before), reinterpret_cast<uint8x16_t>(block), 16 - Bytes));
#endif
}

bool any(Block block) {
  std::uint64_t halves[2];
  std::memcpy(halves, &block, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

// Bytes at the beginning of `text` that are valid, nearly all of them when all are; the rest is to be looked at byte by byte.
CAIRN_TABLE_CODE std::size_t valid_blocks_by_tables(std::string_view text) {
  Block before = {};
  bool ascii_before = true;  // so nothing is unfinished, whatever stands further before
  std::size_t at = 0;
  for (; at + 64 <= text.size(); at += 64) {
    Block blocks[4];
    std::memcpy(blocks, text.data() + at, sizeof blocks);
    if (!any((blocks[0] | blocks[1] | blocks[2] | blocks[3]) & 0x80) && ascii_before) continue;
    Block errors = {};
    for (const Block& block : blocks) {
      const Block first = shifted<1>(before, block);
      const Block found = look_up(kFirstHigh, first >> 4) & look_up(kFirstLow, first & 15) & look_up(kSecondHigh, block >> 4);
      const Block third = shifted<2>(before, block), fourth = shifted<3>(before, block);
      const Block wanted = reinterpret_cast<Block>((third >= 0xE0) | (fourth >= 0xF0)) & 0x80;
      errors |= found ^ wanted;
      before = block;
    }
    if (any(errors)) break;
    ascii_before = before[15] < 0x80;
  }
  return before_unfinished(text, at);
}
#endif
#undef CAIRN_TABLE_CODE

std::size_t valid_blocks(std::string_view text) {
  if (text.size() < 64) return 0;
#if defined(__x86_64__)
  static const bool has_shuffles = __builtin_cpu_supports("avx2");
  return has_shuffles ? valid_blocks_by_tables(text) : 0;
#elif defined(__aarch64__)
  return valid_blocks_by_tables(text);
#else
  return 0;
#endif
}

}  // namespace

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xC2 || lead > 0xF4 || !continues(text, at + 1)) return {};
  if (lead < 0xE0) return {(lead & 0x1Fu) << 6 | low_bits(text, at + 1), 2};
  if (!continues(text, at + 2)) return {};
  if (lead < 0xF0) {
    const char32_t value = (lead & 0x0Fu) << 12 | low_bits(text, at + 1) << 6 | low_bits(text, at + 2);
    if (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF)) return {};  // overlong, surrogate
    return {value, 3};
  }
  if (!continues(text, at + 3)) return {};
  const char32_t value =
      (lead & 0x07u) << 18 | low_bits(text, at + 1) << 12 | low_bits(text, at + 2) << 6 | low_bits(text, at + 3);
  if (value < 0x10000 || value > 0x10FFFF) return {};
  return {value, 4};
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t at = valid_blocks(text);
  while (at < text.size()) {
    // Eight ASCII bytes at a time: most text is.
    if (at + 8 <= text.size()) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, 8);
      if ((word & 0x8080808080808080u) == 0) {
        at += 8;
        continue;
      }
    }
    const CodePoint point = decode_utf8(text, at);
    if (point.bytes == 0) return at;
    at += static_cast<std::size_t>(point.bytes);
  }
  return std::string_view::npos;
}

int display_width(char32_t code_point) {
  if (code_point < 0x300) return code_point == 0xAD ? 0 : 1;  // a soft hyphen is not shown
  if (in_ranges(kZeroWidth, code_point)) return 0;
  return in_ranges(kDoubleWidth, code_point) ? 2 : 1;
}

}  // namespace cairn
