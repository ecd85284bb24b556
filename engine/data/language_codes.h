// Names of languages: as models call them and as documents have them.
//
// Documents carry BCP 47 in lower case ("de", "zh-cn", "sr-latn"). Models label with ISO 639-1 or -3 ("__label__de", lid.176) or
// with ISO 639-3 and a script ("__label__deu_Latn", GlotLID; also the names of FineWeb-2's languages).
#pragma once

#include <string>
#include <string_view>

namespace cairn::data {

// "__label__deu_Latn", "deu_Latn", "deu", "de" -> "de"; "gsw_Latn" -> "gsw"; a script only when it is not the usual one:
// "srp_Latn" -> "sr-latn". Codes of groups stand for their largest language ("zho" -> "zh").
std::string language_of_label(std::string_view label);

// The other way: "de-ch" -> "deu_Latn", "zh-cn" -> "cmn_Hani", "sr-latn" -> "srp_Latn". Latn for languages without a two-letter
// code that say nothing of their script.
std::string label_of_language(std::string_view language);

}  // namespace cairn::data
