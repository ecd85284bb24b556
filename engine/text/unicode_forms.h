// Unicode normalization forms and lower case of UTF-8, by ICU.
#pragma once

#include <string>

namespace cairn::text {

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };

void to_form(UnicodeForm form, std::string& text);  // valid UTF-8 of less than 2 GB
// Character by character, without regard to what stands around (a final sigma is an ordinary one), as Rust's char::to_lowercase.
void to_lower(std::string& text);

}  // namespace cairn::text
