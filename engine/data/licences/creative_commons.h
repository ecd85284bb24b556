// Creative Commons' licences by their parts (private to engine/data/licences).
#pragma once

#include <string>
#include <string_view>

#include "engine/data/licences/licence_names.h"

namespace cairn::data {

// "by-nc-sa", "4.0", "de" -> "CC-BY-NC-SA-4.0"; version empty: "LicenseRef-CC-BY-NC-SA". Parts in any order; empty when they make
// no licence that there is.
std::string creative_commons_id(std::string_view parts, std::string_view version, std::string_view country);

// A mark or name of Creative Commons that begins at text[at], in lower case: "cc by-sa 4.0", "creative commons attribution 3.0",
// "cc0". `end` gets where it ends.
std::string creative_commons_mark(std::string_view lower, std::size_t at, std::size_t& end);

}  // namespace cairn::data
