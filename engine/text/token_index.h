// Token -> id, by the written form: open addressing with a hash tag beside each id, so that a look-up touches one string.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/model.h"

namespace cairn::text {

class TokenIndex {
 public:
  explicit TokenIndex(std::size_t tokens = 0) : slots_(std::bit_ceil(2 * tokens + 2)) {}

  // `written` holds the tokens by id; at most as many as the index was made for are added, each once.
  void add(const std::vector<std::string>& written, TokenId id) {
    const std::size_t hash = hash_of(written[static_cast<std::size_t>(id)]);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<std::uint32_t>(hash >> 32), id};
  }
  // -1: not there.
  TokenId find(const std::vector<std::string>& written, std::string_view token) const {
    const std::size_t hash = hash_of(token);
    for (std::size_t at = hash & (slots_.size() - 1); slots_[at].id >= 0; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.tag == static_cast<std::uint32_t>(hash >> 32) && written[static_cast<std::size_t>(slot.id)] == token)
        return slot.id;
    }
    return -1;
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    TokenId id = -1;
  };
  static std::size_t hash_of(std::string_view token) { return std::hash<std::string_view>()(token); }

  std::vector<Slot> slots_;
};

}  // namespace cairn::text
