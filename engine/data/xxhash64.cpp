#include "engine/data/xxhash64.h"

#include <bit>
#include <cstring>

namespace cairn::data {

namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87u, kPrime2 = 0xC2B2AE3D27D4EB4Fu, kPrime3 = 0x165667B19E3779F9u,
                        kPrime4 = 0x85EBCA77C2B2AE63u, kPrime5 = 0x27D4EB2F165667C5u;

template <typename Word>
std::uint64_t load(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

std::uint64_t round(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}
std::uint64_t merge(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ round(0, lane)) * kPrime1 + kPrime4;
}

}  // namespace

std::uint64_t xxhash64(std::string_view bytes, std::uint64_t seed) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  std::uint64_t hash = seed + kPrime5;
  if (bytes.size() >= 32) {
    std::uint64_t a = seed + kPrime1 + kPrime2, b = seed + kPrime2, c = seed, d = seed - kPrime1;
    for (; end - p >= 32; p += 32) {
      a = round(a, load<std::uint64_t>(p));
      b = round(b, load<std::uint64_t>(p + 8));
      c = round(c, load<std::uint64_t>(p + 16));
      d = round(d, load<std::uint64_t>(p + 24));
    }
    hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
    hash = merge(merge(merge(merge(hash, a), b), c), d);
  }
  hash += bytes.size();
  for (; end - p >= 8; p += 8) hash = std::rotl(hash ^ round(0, load<std::uint64_t>(p)), 27) * kPrime1 + kPrime4;
  if (end - p >= 4) {
    hash = std::rotl(hash ^ load<std::uint32_t>(p) * kPrime1, 23) * kPrime2 + kPrime3;
    p += 4;
  }
  for (; p < end; ++p) hash = std::rotl(hash ^ static_cast<unsigned char>(*p) * kPrime5, 11) * kPrime1;
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

std::uint32_t xxhash32(std::string_view bytes) {
  constexpr std::uint32_t kOne = 0x9E3779B1u, kTwo = 0x85EBCA77u, kThree = 0xC2B2AE3Du, kFour = 0x27D4EB2Fu, kFive = 0x165667B1u;
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  const auto word = [](const char* at) { return static_cast<std::uint32_t>(load<std::uint32_t>(at)); };
  const auto step = [&](std::uint32_t lane, const char* at) { return std::rotl(lane + word(at) * kTwo, 13) * kOne; };
  std::uint32_t hash = kFive;
  if (bytes.size() >= 16) {
    std::uint32_t a = kOne + kTwo, b = kTwo, c = 0, d = 0u - kOne;
    for (; end - p >= 16; p += 16) {
      a = step(a, p);
      b = step(b, p + 4);
      c = step(c, p + 8);
      d = step(d, p + 12);
    }
    hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
  }
  hash += static_cast<std::uint32_t>(bytes.size());
  for (; end - p >= 4; p += 4) hash = std::rotl(hash + word(p) * kThree, 17) * kFour;
  for (; p < end; ++p) hash = std::rotl(hash + static_cast<unsigned char>(*p) * kFive, 11) * kOne;
  hash = (hash ^ (hash >> 15)) * kTwo;
  hash = (hash ^ (hash >> 13)) * kThree;
  return hash ^ (hash >> 16);
}

}  // namespace cairn::data
