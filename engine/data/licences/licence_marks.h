// The licence of a page or text by the marks that it bears, with the mark as evidence.
//
// Machine-readable marks come first: rel=license (also in a Link header), <meta>, JSON-LD and microdata "license", RDFa
// cc:license and dct:license. Where there are none, links to a licence and marks in the text count when the words around them
// license the page (licence_names.h). Several licences among the marks that count are joined by AND: whoever may use the page is
// one who keeps to all of them. Evidence is "KIND: VALUE", bounded.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

enum class LicenceMarkKind { header, rel, meta, json_ld, microdata, rdfa, spdx, link, badge, text };
const char* licence_mark_name(LicenceMarkKind kind);  // "rel=license", "json-ld", ...
// The kind of mark that an evidence begins with; none for what is no mark's.
std::optional<LicenceMarkKind> licence_mark_of(std::string_view evidence);
// Those that say it in a form made for machines.
bool is_machine_readable(LicenceMarkKind kind);

struct LicenceMark {
  LicenceMarkKind kind = LicenceMarkKind::text;
  std::string licence;  // SPDX
  std::string value;    // what stood there
};

struct FoundLicence {
  std::string licence;   // SPDX expression; empty: none was found
  std::string evidence;  // "rel=license: https://creativecommons.org/licenses/by-sa/4.0/"
};
FoundLicence licence_of_marks(const std::vector<LicenceMark>& marks);

// The licences in a JSON-LD script: "license" of what the page is about, not of its pictures, videos, author and sources.
// What is not JSON says nothing.
std::vector<LicenceMark> licences_of_json_ld(std::string_view script);

// rel=license in the value of a header field Link (RFC 8288).
std::vector<LicenceMark> licences_of_link_header(std::string_view value);

// Marks in plain text that license it: kTextEnds bytes at its beginning and as many at its end.
inline constexpr std::size_t kTextEnds = 8192;
FoundLicence licence_of_text(std::string_view text);

}  // namespace cairn::data
