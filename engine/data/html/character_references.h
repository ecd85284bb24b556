// Character references of HTML: &amp; &#233; &#x2014; &nbsp (WHATWG, §13.2.5.72 to .80 and §13.5).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn::data {

// `text` with its references replaced by the characters that they stand for; what is none stays as it is. Inside an attribute a
// name without semicolon is none before "=", a letter or a digit, as in "?a=1&copy=2". Linear time.
std::string decode_references(std::string_view text, bool in_attribute);

// The names, generated from the table of Python's html.entities (make_references.py), in the order of their bytes; with the
// semicolon where it is required.
struct NamedReference {
  const char *name, *characters;  // UTF-8
};
extern const NamedReference kNamedReferences[];
extern const std::size_t kNamedReferenceCount;

}  // namespace cairn::data
