// HTML as a tree, as the reference parser has it, and pages that are made to cost time.
#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/html/character_references.h"
#include "engine/data/html/html_text.h"
#include "engine/data/html/html_tree.h"
#include "engine/data/html/white_space.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

using E = HtmlElement;

bool is_nameless(E element) {
  return element == E::html || element == E::head || element == E::body || element == E::tbody || element == E::colgroup;
}

// As tests/golden/html/make_html.py writes trees.
class Shape {
 public:
  explicit Shape(const HtmlTree& tree) : tree_(tree) {
    children(0);
    end_text();
  }
  const std::string& written() const { return out_; }

 private:
  void part(const std::string& text) {
    if (!out_.empty() && out_.back() != '(') out_ += ' ';
    out_ += text;
  }
  void end_text() {
    std::string collapsed;
    append_collapsed(collapsed, text_);
    if (collapsed.ends_with(' ')) collapsed.pop_back();
    if (!collapsed.empty()) part('"' + collapsed + '"');
    text_.clear();
  }
  static std::string small(std::string_view name) {
    std::string out(name);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    return out;
  }

  void children(std::uint32_t parent) {
    const std::vector<HtmlNode>& nodes = tree_.nodes();
    for (std::uint32_t child = parent + 1; child < nodes[parent].end; child = nodes[child].end) {
      const HtmlNode& node = nodes[child];
      if (node.element == E::text) {
        text_ += node.text;
      } else if (is_nameless(node.element)) {
        children(child);
      } else {
        end_text();
        std::string name = small(node.text);
        for (const HtmlAttribute* attribute = tree_.begin(node); attribute != tree_.end(node); ++attribute) {
          const std::string key = small(attribute->name);
          const bool again = std::any_of(tree_.begin(node), attribute,
                                         [&](const HtmlAttribute& before) { return equal_ignoring_case(before.name, key); });
          if (!again) name += fmt::format(" {}={}", key, tree_.attribute(node, key));
        }
        part(name + '(');
        children(child);
        end_text();
        out_ += ')';
      }
    }
  }

  const HtmlTree& tree_;
  std::string out_, text_;
};

std::string shape(std::string_view page) {
  return Shape(HtmlTree(page)).written();
}

std::size_t greatest_depth(const HtmlTree& tree) {
  std::vector<std::uint32_t> open;
  std::size_t greatest = 0;
  for (std::uint32_t i = 0; i < tree.nodes().size(); ++i) {
    while (!open.empty() && open.back() <= i) open.pop_back();
    open.push_back(tree.nodes()[i].end);
    greatest = std::max(greatest, open.size());
  }
  return greatest;
}

}  // namespace

TEST_CASE("html tree: as html5lib has it, for each rule and for pages drawn at random") {
  const Json cases = read_json(test::source_folder() / "tests/golden/html/html.json");
  REQUIRE(cases.size() > 500);
  for (const Json& entry : cases) {
    const std::string page = entry["page"];
    CAPTURE(page);
    CHECK(shape(page) == entry["tree"].get<std::string>());
  }
}

TEST_CASE("html tree: a link ends with its end tag, also inside of a block that goes on, and only an address makes one") {
  const auto linked = [](std::string_view page) {
    const HtmlTree tree(page);
    std::string texts;
    for (const HtmlNode& node : tree.nodes()) {
      if (node.element == E::text && node.in_link) texts += node.text;
    }
    return texts;
  };
  CHECK(linked("a<a href=x>b<i>c</i></a>d") == "bc");
  CHECK(linked("<a href=x><div>b</a>c</div>d") == "b");
  CHECK(linked("<div><a href=x>b</div>c") == "b");
  CHECK(linked("<a href=x>a<a href=y>b</a>c") == "ab");
  CHECK(linked("<a href=x><p>a</p><a href=y>b</a>c") == "ab");
  CHECK(linked("<a name=x>a<p>b</a>c") == "");
  CHECK(linked("<a href=x/>a") == "a");  // the address is "x/"
  CHECK(linked("<a id='x' />a<a HREF='y'>b</a>") == "b");
}

TEST_CASE("html tree: elements without content may end themselves; deep nesting is flat beyond its bound, with nothing lost") {
  CHECK(shape("<div id='x'/>a<p>b") == R"(div id=x() "a" p("b"))");
  CHECK(shape("<script src=x />a<title/>b") == R"(script src=x() "a" title() "b")");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += fmt::format("<div>{} ", i);
  for (int i = 0; i < 100'000; ++i) deep += "</div>";
  deep += "<p>end";
  const HtmlTree tree(deep);
  CHECK(greatest_depth(tree) == HtmlTree::kMostDepth + 1);  // and the texts
  CHECK(tree.nodes().size() == 2 + 200'000 + 2);
  CHECK(tree.nodes().back().text == "end");
  // The end tags of those beyond the bound end none that is within it.
  const std::uint32_t paragraph = static_cast<std::uint32_t>(tree.nodes().size()) - 2;
  std::size_t holders = 0;
  for (std::uint32_t i = 0; i < paragraph; ++i) holders += tree.nodes()[i].end > paragraph;
  CHECK(holders == 2);  // <html> and <body>
}

TEST_CASE("html: beyond the greatest depth scripts are none of the text, links end, and what holds it all ends where it does") {
  const std::string prose =
      "The tide came in slowly that evening and with it the smell of salt, and nobody had expected the boat.";
  const auto times = [](int n, const std::string& text) {
    std::string all;
    for (int i = 0; i < n; ++i) all += text;
    return all;
  };
  const std::string deep = times(260, "<div>");
  CHECK(extract_html(deep + "<p>" + prose + "<script>var leak=1;</script><style>p{}</style>").text == prose);
  CHECK(extract_html(deep + "<a href=x>l</a> " + prose).text == "l " + prose);
  const std::string after = "<nav>" + deep + "<ul>" + times(300, "<li>a") + "</ul>" + times(260, "</div>") + "</nav><p>" + prose;
  CHECK(extract_html(after).text == prose);
}

TEST_CASE("html: rows with empty cells, and headings of which nothing is left") {
  const std::string prose =
      "The tide came in slowly that evening and with it the smell of salt, and nobody had expected the boat.";
  CHECK(extract_html("<p>" + prose + "</p><table><tr><td>a<td></td><td>b<td><img src=x><tr><td>c<td>d</table>").text ==
        prose + "\n\na | b\nc | d");
  CHECK(extract_html("<article><p>" + prose + "</p><h3><div><a href=x>t</a></div></h3><p>" + prose + "</p></article>").text ==
        prose + "\n\n" + prose);
}

TEST_CASE("html tree: pages of one thing over and over are read in linear time") {
  const auto repeated = [](std::string_view piece) {
    std::string page;
    while (page.size() < 4'000'000) page += piece;
    return page;
  };
  for (const std::string_view piece : {"<",
                                       "</",
                                       "<!",
                                       "<!--",
                                       "--",
                                       "<!-->",
                                       "&",
                                       "&#",
                                       "&#x",
                                       "&#9",
                                       "&am",
                                       "&CounterClockwiseContourIntegra",
                                       "<a",
                                       "<a ",
                                       "<a b=",
                                       "<a b='",
                                       "<a b=c ",
                                       "</a",
                                       "<p>",
                                       "</p>",
                                       "<li>",
                                       "<td>",
                                       "<table>",
                                       "<table><td>",
                                       "</table>",
                                       "<svg>",
                                       "</svg>",
                                       "<svg><p>",
                                       "<title>",
                                       "<script>",
                                       "</script",
                                       "<script></scrip",
                                       "<textarea>&",
                                       "<x>",
                                       "</x>",
                                       "<a href=x><p>",
                                       "</a>",
                                       "<button>",
                                       "<h1>",
                                       "<dd><dt>",
                                       "<option>",
                                       "<template>",
                                       "<body>",
                                       "<head>",
                                       "<html a=b>",
                                       "\x01",
                                       " ",
                                       "x ",
                                       "<pre>\r\n",
                                       "<div class='ad'>",
                                       "<p>Licensed under ",
                                       "<meta name=robots content=x>"}) {
    CAPTURE(piece);
    const std::string page = repeated(piece);
    CHECK(extract_html(page).text.size() <= page.size());
  }
  // Cells of what is white space to some: none is looked at twice.
  const std::string rows = "<p>Some words, so that the page has a text that is long enough to be one.</p><table><tr>";
  CHECK(extract_html(rows + repeated("<td>&nbsp;")).text.size() < 10'000'000);
  CHECK(extract_html(rows + "<td>" + repeated("&nbsp;") + repeated("<td>\u00a0 ")).text.size() < 20'000'000);
}

TEST_CASE("html: character references, also of characters that names do not end") {
  CHECK(decode_references("", false) == "");
  CHECK(decode_references("no reference", false) == "no reference");
  CHECK(decode_references("&", false) == "&");
  CHECK(decode_references("&amp;&amp", false) == "&&");
  CHECK(decode_references("?a=1&copy=2&copy;3&copyx", true) == "?a=1&copy=2\u00a93&copyx");
  CHECK(decode_references("?a=1&copy=2&copy;3&copyx", false) == "?a=1\u00a9=2\u00a93\u00a9x");
  CHECK(decode_references("&#X41;&#x000000041&#65x", false) == "AAAx");
  CHECK(decode_references("&\xff\xfe;", false) == "&\xff\xfe;");
  CHECK(decode_references(std::string_view("&amp\0x", 6), false) == std::string_view("&\0x", 3));
}

TEST_CASE("html: white space is collapsed across pieces of any length") {
  const auto plainly = [](std::string out, std::string_view text) {
    for (const char c : text) {
      if (!is_html_space(c))
        out += c;
      else if (!out.empty() && out.back() != ' ' && out.back() != '\n')
        out += ' ';
    }
    return out;
  };
  std::uint64_t state = 1;
  const auto draw = [&state](std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::string_view letters = round % 2 == 0 ? "ab cd\te\nf  \r\f\v" : "abcdefghijklmnopqrst uvwxyz\xc3\xa9";
    for (std::uint64_t n = draw(60); n > 0; --n) text += letters[draw(letters.size())];
    std::string out = round % 3 == 0 ? "" : round % 3 == 1 ? "x\n" : "x ";
    const std::string expected = plainly(out, text);
    append_collapsed(out, text);
    REQUIRE(out == expected);
  }
}
