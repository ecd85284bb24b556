// The byte-level alphabet of GPT-2: each byte as a printable character, which is how tokens are written in tokenizer.json.
// Bytes 33-126, 161-172 and 174-255 are the code point of the same number, the other 68 in ascending order U+0100 and up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::text {

// The code point that stands for each byte.
const std::array<char32_t, 256>& byte_alphabet();

std::string to_alphabet(std::string_view bytes);
// None when a character does not stand for a byte, or `written` is not UTF-8.
std::optional<std::string> from_alphabet(std::string_view written);

}  // namespace cairn::text
