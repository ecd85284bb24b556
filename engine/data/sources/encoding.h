// Text of unknown encoding to UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace cairn::data {

// In this order: a byte order mark (UTF-8, UTF-16); `declared` if the C library knows it; UTF-8 if the bytes are valid;
// windows-1252. What cannot be decoded becomes U+FFFD; NUL becomes a space. Never fails.
std::string to_utf8(std::string_view bytes, std::string_view declared = {});

// The encoding that an HTML page declares in its first 4096 bytes: <meta charset>, <meta http-equiv ... charset=>, or an XML
// declaration. Empty when there is none.
std::string declared_encoding(std::string_view html);

}  // namespace cairn::data
