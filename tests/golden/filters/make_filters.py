"""datatrove's own decisions and words on real texts, to hold ours against: filters.json.
Texts: every sixth run of forty lines of public-domain books in ../shared/data, most made worse on purpose (bullets, repeats, ellipses,
numbers, cut short, symbols). English rules for all, as datatrove applies them when it is told nothing else.
Kept: for each text where it came from, so that the test can cut it out again, and what datatrove said; no text is copied.
Usage: make_filters.py SHARED > filters.json      (needs datatrove[processing] with spacy)"""
import importlib.metadata, json, logging, pathlib, sys

from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.utils.text import split_into_words

logging.disable(logging.CRITICAL)
shared = pathlib.Path(sys.argv[1])
FILES = ["gutenberg/pride_1342-0.txt", "gutenberg/alice_11-0.txt", "gutenberg/botchan_en.txt"]


LINES = 40


def worse(lines, how):
    text = "\n".join(lines)
    if how == 1:
        return "\n".join("- " + line for line in lines)
    if how == 2:
        return "\n".join(lines[:20] + [""] + lines[:20])
    if how == 3:
        return text.replace(". ", " ... ")
    if how == 4:
        return text.replace("e", "7 7")
    if how == 5:
        return "\n".join(lines[:8])
    if how == 6:
        return text.replace("the", "#")
    if how == 7:
        return "\n".join(lines + lines[:4] * 3)
    return text


def said(result):
    return "" if result is True else result[1]


rows = []
for name in FILES:
    lines = (shared / "data" / name).read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    for index in range(0, len(lines) // LINES, 6):
        how = (index // 6) % 8
        text = worse(lines[index * LINES:(index + 1) * LINES], how)
        filters = {"gopher_quality": GopherQualityFilter(), "gopher_repetition": GopherRepetitionFilter(), "c4": C4QualityFilter(),
                   "fineweb_quality": FineWebQualityFilter()}
        row = {"file": name, "chunk": index, "how": how, "words": len(split_into_words(text))}
        for key, f in filters.items():
            document = Document(text=text, id="0")
            try:
                row[key] = said(f.filter(document))
            except ZeroDivisionError:
                row[key] = "error"
            if key == "c4":
                row["c4_characters"] = len(document.text)
        rows.append(row)
print(json.dumps({"made_with": {p: importlib.metadata.version(p) for p in ("datatrove", "spacy")}, "texts": rows}, ensure_ascii=False).replace("}, {", "},\n{"))
