// Text of unknown encoding to UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace cairn::data {

// In this order: a byte order mark (UTF-8, UTF-16); `declared` if ICU knows it (what it means on the web: "latin1" is
// windows-1252); UTF-8 if the bytes are valid; what ICU's detector takes them for, or Thai; windows-1252. What cannot be decoded
// becomes U+FFFD; NUL becomes a space. Never fails. A guess depends on the version of ICU.
std::string to_utf8(std::string_view bytes, std::string_view declared = {});

// Whether `name` is an encoding that to_utf8 would follow.
bool known_encoding(std::string_view name);

// The encoding that an HTML page declares in its first 4096 bytes: <meta charset>, <meta http-equiv ... charset=>, or an XML
// declaration. Empty when there is none.
std::string declared_encoding(std::string_view html);

}  // namespace cairn::data
