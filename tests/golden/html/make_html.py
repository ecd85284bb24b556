"""Pages and their trees as html5lib (WHATWG's parsing) has them, for tests/engine/data/html_test.cpp: hand-written cases of each rule, and pages drawn
at random from blocks and texts. Trees are written as name(child child "text"), without <html>, <head>, <body>, <tbody> and <colgroup>, comments, and white space between
elements; attributes as name=value. Where our tree differs by design (html_tree.h) there is no case: misnested formatting, text between cells, <name/>; nor for <template>, which html5lib does not know.
Needs html5lib 1.1. Usage: make_html.py > html.json"""
import json, random, re
import html5lib

NAMELESS = {"html", "head", "body", "tbody", "colgroup"}


def shape(node):
    parts = []
    def add(node):
        """Of what stands beside each other, texts are joined."""
        texts(node.text)
        for child in node:
            if isinstance(child.tag, str):
                name = child.tag.split("}")[-1].lower()
                if name in NAMELESS:
                    add(child)
                else:
                    attributes = "".join(f" {(k[1] if isinstance(k, tuple) else k).split('}')[-1].lower()}={v}" for k, v in child.attrib.items())
                    parts.append((f"{name}{attributes}({shape(child)})",))
            texts(child.tail)
    def texts(text):
        if text and parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text:
            parts.append(text)
    add(node)
    written = []
    for part in parts:
        if isinstance(part, tuple):
            written.append(part[0])
        elif collapsed := " ".join(word for word in re.split("[ \t-\r]+", part) if word):
            written.append(f'"{collapsed}"')
    return " ".join(written)


def tree(page):
    return shape(html5lib.parse(page, namespaceHTMLElements=False))


hand = [
    # texts and references
    "a &amp; b &lt;c&gt; &eacute; &#233; &#xE9; &#x1F600; &nbsp;x", "&amp &ampx &copy2 &notit; &notin; &unknown; &;", "&#0; &#128; &#150; &#xD800; &#x110000; &#99999999999999; &#; &#x;",
    "<p title='&copy=1&copy;2&amp;3&ampx'>x</p>", "&CounterClockwiseContourIntegral; &nGt; &fjlig;", "1 < 2 and 3 <4 <> <", "a</ b", "x </>y </!z>w", "&lt&gt", "AT&T R&D &Aacute;&Aacute",
    # comments, declarations
    "a<!-- b --!> c --> d", "a<!--> b", "a<!---> b", "a<!-- b -- c -> d --> e", "a<!-- never ended <p>x", "a<!x y> b", "a<?php echo '>' ?> b", "<!DOCTYPE html PUBLIC 'x'><p>a",
    "a<!----> b", "a<!---- > b --> c", "<![CDATA[x <p>y]]> z", "a</#comment> b",
    # tags and attributes
    "<P CLASS=Big ID='x y' hidden data-x=\"1>2\">a</P >b", "<p a=1 a=2 b>x", "<a href=x/y>z</a>", "<p =x>y</p>", "<p a = 'b' c= d>e", "<p a='unfinished>x", "<p", "a <p b", "<p a=\"b\"c=d>e",
    "<div><custom-tag x=1>a</custom-tag>b</div>", "<p>a<br>b<br/>c</br>d", "<hr>a<hr/>b", "<img src=x>a<input type=text>b<wbr>c",
    # raw texts
    "<script>if (a<b) '</p>' </script>x", "<script>a</scriptx>b</script >c", "<style>p{}</style>x", "<title>a &amp; <b>c</title>d", "<textarea>a <p> &lt;</textarea>b", "<script>never ended <p>x",
    "<xmp>a <b> &amp;</xmp>c", "<iframe><p>a</iframe>b", "<noframes><p>a</noframes>b", "a<plaintext>b</plaintext><p>c", "<title></title>a", "<script></script>a", "<SCRIPT>x</ScRiPt>y",
    # paragraphs
    "<p>a<p>b", "<p>a<div>b</div>c</p>d", "<p>a<ul><li>b</ul>c", "<p>a<span>b<p>c</span>d", "a</p>b", "<div>a</p>b</div>c", "<!DOCTYPE html><p>a<table><tr><td>b</table>c", "<button><p>a</button>b", "<p><b>a</b>c<h2>d</h2>e",
    "<p>a<pre>b</pre>c", "<p>a<hr>b", "<p>a<form>b</form>c", "<p>a<section>b</section>c<p>d", "<p>a<blockquote>b<p>c</blockquote>d", "<p>a<address>b</address>c", "<object><p>a</object>b</p>c",
    # lists
    "<ul><li>a<li>b</ul>c", "<ul><li>a<ul><li>b<li>c</ul><li>d</ul>", "<ol><li><p>a<li><div>b<li>c</ol>", "<dl><dt>a<dd>b<dt>c<dd>d</dl>e", "<dl><dd><p>a<dt>b</dl>", "<li>a<li>b", "<ul><li>a</ul></li>b",
    "<ul>a<li>b</li>c</ul>", "<ul><li><span>a</li>b</ul>", "<ol><li>a</ul><li>b</ol>", "<dl><div><dt>a<dd>b</div><dt>c</dl>",
    # headings
    "<h1>a<h2>b</h1>c", "<h1>a</h3>b", "<h2>a<p>b</h2>c", "<h1><span>a</h1>b",
    # tables
    "<table><tr><td>a<td>b<tr><th>c</table>d", "<table><td>a</table>b", "<table><tbody><tr><td>a</tbody><tfoot><tr><td>b</table>", "<table><caption>a<tr><td>b</table>c", "<table><tr><td><table><tr><td>a</table>b</table>c",
    "<table><tr><td><p>a<td>b</table>", "<table><tr><td>a</tr>\n<tr><td>b</td></table>", "<table><colgroup><col><tr><td>a</table>", "<table><tr><td><ul><li>a<td>b</table>c", "<table><tr><td>a<table><tr><td>b</table></table>c",
    "<table><thead><tr><th>a</thead><tr><td>b</table>", "<table><tr><td>a</div>b</table>c", "<div><table><tr><td>a</div>b</table>c</div>d", "<table><tr><td><h1>a<td>b</h1></table>",
    # head and body
    "<html lang=de><head><title>a</title></head><body class=x><p>b</body></html>c", "<title>a</title>b", "<meta charset=utf-8><p>a", "<head></head>a", "<body>a<body>b", "</html>a", "<head><p>a</head>b", "a<head>b</head>c",
    "<link rel=x><style>y</style> <p>a", "<html><html a=b>c", "</body>a</html>b",
    # links, buttons, options
    "<a href=x>a</a>b", "<button>a<button>b</button>c", "<select><option>a<option>b</select>c", "<optgroup><option>a</optgroup>b", "<option>a<option>b", "<div><a href=x>a</a></div>b",
    # end tags that reach something, or nothing
    "<div>a</span>b</div>c", "<span>a<div>b</span>c</div>d", "<div><section>a</div>b</section>c", "<section><div>a</section>b</div>c", "<div>a</div></div>b", "<article><p>a</article>b</p>c", "<center>a</center>b", "<div><p>a</div>b",
    "<ins><p>a</ins>b", "<fieldset><legend>a</legend>b</fieldset>c", "<figure><figcaption>a</figure>b", "<form>a<div>b</div></form>c",
    # foreign content
    "a<svg><title>b</title><path d=x /></svg>c", "a<svg><p>b", "a<svg><div>b</div>c", "<math><mi>x</mi></math>y", "<svg><foreignObject><p>a</p></foreignObject></svg>b", "<p>a<svg><g><circle/></g></svg>b</p>c", "<svg><g>a</svg>b</g>c",
    "<math><mtext><span>if</span></mtext><mi>L</mi></math>x",
    # a script in a comment in a script; what ends a <select>
    """<script><!--\nw("<script src=x></script>");\n//--></script>a""", "<script><!-- <script> </script>a", "<script><!-- --></script>a", "<script><!--></script>a", "<script><!-- <script> --></script>a",
    "<div><select><option>a<select><p>b</div>", "<div><select><option>a<input><p>b</div>", "<div><select><option>a<textarea></textarea><p>b</div>",
]

draw = random.Random(7)
BLOCKS = ["div", "p", "ul", "li", "ol", "dl", "dt", "dd", "h1", "h2", "section", "article", "blockquote", "pre", "nav", "main", "center", "address", "fieldset"]
drawn = []
for _ in range(400):
    page = ""
    for i in range(draw.randrange(3, 14)):
        kind = draw.random()
        if kind < 0.45:
            page += f"<{draw.choice(BLOCKS)}>"
        elif kind < 0.7:
            page += f"</{draw.choice(BLOCKS)}>"
        elif kind < 0.75:
            page += draw.choice(["<br>", "<hr>", "<img src=x>"])
        else:
            page += f"t{i} "
    drawn.append(page)

cases = [{"page": page, "tree": tree(page)} for page in hand + drawn]
print("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]")
