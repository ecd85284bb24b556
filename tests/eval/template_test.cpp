#include "eval/template.h"

#include "base/json.h"
#include "tests/support/test.h"

using cairn::Json;
using cairn::eval::parse_python_list;
using cairn::eval::render;

namespace {
const Json kDocument = {
    {"question", " Why? "}, {"choices", {{"text", {"a", "b"}}, {"label", {"A", "B"}}}}, {"n", 2}, {"answerKey", "B"}};
std::string rendered(std::string_view text) {
  return render(text, kDocument, "t.yaml: doc_to_text");
}
}  // namespace

TEST_CASE("templates: columns, members, methods and filters") {
  CHECK(rendered("Q:{{question}}A:") == "Q: Why? A:");
  CHECK(rendered("{{ question.strip() }}") == "Why?");
  CHECK(rendered("{{choices.text[1]}}{{ choices['label'][0] }}{{choices.text[-1]}}") == "bAb");
  CHECK(rendered("{{choices.text|join(', ')}} {{choices.text|length}}") == "a, b 2");
  CHECK(rendered("{{choices.label.index(answerKey)}}") == "1");
  CHECK(rendered("{{'x' + question.strip().upper() + \"y\\n\"}}") == "xWHY?y\n");
  CHECK(rendered("{{question[1:4]}}|{{choices.text[:1]}}") == "Why|[\"a\"]");
  CHECK(rendered("{ {n} } {{n == 2}}") == "{ {n} } True");
  CHECK(rendered("") == "");
}

TEST_CASE("templates: mistakes are named") {
  using cairn::test::error_of;
  CHECK(error_of([] { rendered("{{nope}}"); }) == "t.yaml: doc_to_text: 'nope' is undefined in '{{nope}}'");
  CHECK(error_of([] { rendered("{{question"); }) == "t.yaml: doc_to_text: '{{' without '}}'");
  CHECK(error_of([] { rendered("{% if n %}x{% endif %}"); }) ==
        "t.yaml: doc_to_text: template statements ({% %}) are not supported");
  CHECK(error_of([] { rendered("{{question|shout}}"); }).find("filter 'shout' is not supported") != std::string::npos);
  CHECK(error_of([] { rendered("{{choices.text[7]}}"); }).find("[7] does not exist") != std::string::npos);
  CHECK(error_of([] { rendered("{{question.strip(}}"); }) != "");
  CHECK(error_of([] { rendered("{{'open}}"); }).find("does not end") != std::string::npos);
}

TEST_CASE("templates: a Python list literal") {
  CHECK(parse_python_list("['a', \"it's\", 3, True]", "o") == Json({"a", "it's", 3, true}));
  CHECK(parse_python_list("[]", "o") == Json::array());
  CHECK(cairn::test::error_of([] { parse_python_list("{1}", "o"); }) != "");
}
