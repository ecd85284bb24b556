// "Replace" of tokenizer.json, as normalizer and as decoder: each match of a string or a regular expression becomes a fixed text.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace cairn::text {

class Regex;

class Replacement {
 public:
  Replacement(std::string literal, std::string content, std::string place);
  // {"pattern": {"String": ...} or {"Regex": ...}, "content": ...}
  static Replacement read(const Json& json, const std::string& origin);
  ~Replacement();
  Replacement(Replacement&&) noexcept;

  // Error naming the place where it was read when the result would be longer than most_bytes.
  void apply(std::string& text) const;

  // What a text of so many bytes may become: sixteen times as long and 16 MB. More is an attack.
  static std::size_t most_bytes(std::size_t bytes) { return 16 * bytes + 16'000'000; }
  // Error naming `place` when `bytes` have become more.
  static void check_growth(std::size_t made, std::size_t bytes, std::string_view place);

 private:
  std::unique_ptr<const Regex> regex_;  // null: literal_
  std::string literal_, content_, place_;
};

}  // namespace cairn::text
