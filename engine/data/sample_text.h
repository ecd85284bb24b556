// How a text begins, for people to look at: in reports and answers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn::data {

// The first `bytes` bytes of `text`, cut at a character, with markers in the place of personal identifiers (filters/pii.h, rules
// "cairn"), whatever filters the text has passed; one that goes on behind the cut is a marker too. `text` is valid UTF-8.
std::string sample_text(std::string_view text, std::size_t bytes);

}  // namespace cairn::data
