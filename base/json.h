// JSON values (nlohmann::json), their canonical text, and reading with errors that name the file and the place.
//
// Include base/json_fwd.h where a declaration is enough: this header is heavy.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/json_fwd.h"

extern template class nlohmann::basic_json<>;

namespace cairn {

inline constexpr int kMostJsonDepth = 256;

// Parses `text`; `origin` is the name that errors carry ("config.json"). Errors name line and column.
// Duplicate keys, NaN, trailing text, invalid UTF-8 (also half surrogate pairs in escapes) and nesting deeper than 256 are refused.
// Whole numbers that fit 64 bits are integers, all others doubles; a number too large for a double is refused.
Json parse_json(std::string_view text, std::string_view origin);
Json read_json(const std::filesystem::path& path);

// The one text of a value (spec/lineage.md §2.2): keys sorted by bytes, UTF-8 without escapes beyond the required ones, no
// insignificant space, integers as integers, doubles in shortest round-trip form (always with '.' or 'e', so that they stay
// doubles). NaN, infinities and strings that are not UTF-8 are refused. parse_json(canonical_json(v)) == v, and canonical_json of that is the same bytes.
std::string canonical_json(const Json& value);

// The plain values of an object by name: {"optimizer":{"lr":1}} is "optimizer.lr" -> 1. Lists and empty objects stay whole; null
// is left out.
std::map<std::string, Json> plain_values(const Json& object);

// Two-space indent for people; keys sorted; ends with a newline. Not for hashing.
std::string pretty_json(const Json& value);

}  // namespace cairn
