#include "app/cli/layout.h"

#include "base/format.h"
#include "tests/support/test.h"

using namespace cairn;
using app::fold_table;
using app::wrap;

TEST_CASE("text wraps at spaces and after commas, and is left alone without a width") {
  const std::string text = "one two three four five six seven";
  CHECK(wrap(text, 0, 4) == text);
  CHECK(wrap(text, 80, 4) == text);
  CHECK(wrap(text, 24, 4) == "one two three four\n    five six seven");
  CHECK(wrap("{\"first\":1,\"second\":2,\"third\":3}", 26, 2) == "{\"first\":1,\"second\":2,\n  \"third\":3}");
  CHECK(wrap("", 24, 4) == "");
  CHECK(wrap("a,", 24, 4) == "a,");
}

TEST_CASE("a word longer than the line stands alone; columns are counted, not bytes") {
  const std::string path(40, 'p');
  CHECK(wrap("see " + path + " for more", 24, 0) == "see\n" + path + "\nfor more");
  CHECK(wrap("ää öö üü ßß éé àà", 20, 0) == "ää öö üü ßß éé àà");
}

TEST_CASE("a table that is too wide gives its last column a line of its own; nothing of that column is lost") {
  TextTable table({"field", "type", "default", "what it is"});
  table.add({"kind = ä", "", "", "a heading"});
  table.add({"size", "integer", "8", "how large it is, in pieces of a thousand"});
  table.add({"names", "list", std::string(60, 'x'), ""});
  const std::string wide = table.render();
  CHECK(fold_table(wide, "what it is", 0) == wide);
  CHECK(fold_table(wide, "what it is", 200) == wide);
  CHECK(fold_table(wide, "no such title", 40) == wide);
  CHECK(fold_table(wide, "what it is", 40) ==
        "field  type  default  what it is\n"
        "kind = ä  a heading\n"
        "size  integer  8\n"
        "      how large it is, in pieces of a\n"
        "      thousand\n"
        "names  list  xxxxxxxxxxxxxxxxxxxxxxxxxx…\n");
}
