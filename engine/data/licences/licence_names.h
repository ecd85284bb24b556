// Licences as pages name them, to SPDX identifiers: addresses, marks of Creative Commons, names, SPDX expressions.
//
// Tables: assets/licences/licences.json. A ported licence of Creative Commons that SPDX has no identifier for gets that of the
// same version without the country (the evidence keeps the address); a mark without a version is "LicenseRef-CC-BY-SA", since no
// version can be taken for granted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

// The licence that an address stands for: "https://creativecommons.org/licenses/by-sa/4.0/deed.de" is CC-BY-SA-4.0; empty for any
// other address. Scheme, "www.", case, query and fragment do not matter.
std::string licence_of_url(std::string_view url);
// Of a path of Creative Commons, "licenses/by-nc/3.0/de/" or "publicdomain/zero/1.0/"; empty when it is none.
std::string creative_commons_path(std::string_view path);

// "MIT", "GPL-2.0-or-later WITH Classpath-exception-2.0 OR Apache-2.0": the expression in SPDX's spelling when it is one of known
// identifiers (and LicenseRef-...), joined by AND, OR, WITH, with parentheses taken away where they change nothing; else empty.
std::string spdx_expression(std::string_view text);

// What a value says that is meant to name a licence (a <meta>, "license" in JSON-LD): an address, an SPDX expression, or a text
// that holds a mark or a name. Empty when it is none of these.
std::string licence_of_value(std::string_view value);

// A licence named in running text: "CC BY-SA 4.0", "Creative Commons Attribution 3.0", "GNU Free Documentation License".
struct LicenceMention {
  std::size_t begin = 0, end = 0;  // bytes
  std::string licence;
};
std::vector<LicenceMention> licence_mentions(std::string_view text);

// Around the identifier of a licence that a page links to, in the text made of the page: a mention like any other.
inline constexpr char kLinkBegin = '\x01', kLinkEnd = '\x02';

// Of mentions in a page's text, those by which the page is licensed: behind words like "licensed under", and not of a picture, a
// figure, a font. `SPDX-License-Identifier:` counts by itself.
std::vector<LicenceMention> granted_licences(std::string_view text);

}  // namespace cairn::data
