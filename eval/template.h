// The part of Jinja that task files use in doc_to_text, doc_to_choice and doc_to_target: text with {{ expressions }}.
//
// Expressions: names of columns, .field and [index or slice] access, string, number and list literals, + and ~, comparison == and
// !=, the methods strip, lstrip, rstrip, lower, upper, replace, split, index, and the filters |join, |length, |string, |int,
// |lower, |upper, |trim. Statements ({% %}) are refused by name: a task that needs them is told so, not rendered wrongly. An
// undefined name is an error, as in the harness.
#pragma once

#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace cairn::eval {

// `origin` begins each error ("gsm8k.yaml: doc_to_text").
std::string render(std::string_view text, const Json& document, std::string_view origin);

// A Python list literal of strings and numbers, as str(list) prints one: ['a', "it's", 3]. Error when it is not one.
Json parse_python_list(std::string_view text, std::string_view origin);

}  // namespace cairn::eval
