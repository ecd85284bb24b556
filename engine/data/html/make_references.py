"""The names of HTML's character references (html.entities.html5 of Python, which has WHATWG's table) as a table in C++, at build time.
Usage: make_references.py OUTPUT.cpp"""
import sys
from html.entities import html5

with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('#include "engine/data/html/character_references.h"\n\nnamespace cairn::data {\n\nconst NamedReference kNamedReferences[] = {\n')
    for name in sorted(html5):
        characters = "".join(f"\\{byte:03o}" for byte in html5[name].encode())
        out.write(f'    {{"{name}", "{characters}"}},\n')
    out.write(f"}};\nconst std::size_t kNamedReferenceCount = {len(html5)};\n\n}}  // namespace cairn::data\n")
