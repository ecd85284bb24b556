// The text of an XML document: each run between two tags on a line of its own, its white space as one space, for how markup is
// indented is none of a language's text. Character references and CDATA sections are text; comments and processing instructions
// are not. Entities that the document defines itself are refused, so nothing is expanded or fetched.
#pragma once

#include <string>
#include <string_view>

namespace cairn::data {

// In the encoding that the document declares, UTF-8 by default. Error naming `origin`, the line and what is wrong when it is not
// well-formed.
std::string xml_text(std::string_view bytes, std::string_view origin);

}  // namespace cairn::data
