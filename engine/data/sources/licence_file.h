// The licence of a Debian package out of its /usr/share/doc/PACKAGE/copyright: the machine-readable form (DEP-5) or free text.
#pragma once

#include <string>
#include <string_view>

namespace cairn::data {

// SPDX expression of the licence that covers the package's files as a whole ("Files: *"), or "unknown". DEP-5 short names become
// SPDX identifiers (GPL-2+ -> GPL-2.0-or-later, Expat -> MIT); "or" and "and" become OR and AND. Free text is searched for the
// GNU licences with version and "any later version", and for the wordings of the MIT, BSD and Creative Commons licences and of
// the old GNU manual notice, which has no SPDX name and becomes LicenseRef-GNU-manual.
std::string licence_of_copyright_file(std::string_view text);

// One DEP-5 short name or expression.
std::string spdx_of_dep5(std::string_view name);

}  // namespace cairn::data
