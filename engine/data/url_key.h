// One form for the addresses that name the same page (RFC 3986 §6.2.2 and §6.2.3; spec/data.md §2.7).
#pragma once

#include <string>
#include <string_view>

namespace cairn::data {

// Of "scheme://...": scheme and host in lower case, without the scheme's default port, without a fragment, percent escapes in
// upper case and undone where the character needs none, "." and ".." segments resolved, "/" for an empty path. What is not such
// an address (a path inside a source) stays as it is, and so does a '%' that begins no escape.
std::string normal_url(std::string_view url);

}  // namespace cairn::data
