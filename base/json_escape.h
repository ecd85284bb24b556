// How JSON writes the characters that may not stand in a string as they are.
#pragma once

#include <string>

namespace cairn {

inline bool json_must_escape(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

// Appends the shortest escape: \n, \", or \u001f (lower-case digits), as in canonical JSON. json_must_escape(c) must hold.
void append_json_escape(std::string& out, char c);

}  // namespace cairn
