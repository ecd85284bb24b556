"""Writes character_tables.cpp: what the filters ask of a character, from Python's unicodedata and the sets that datatrove and spaCy use.
Usage: make_characters.py > character_tables.cpp      (needs datatrove and spacy; made with Unicode 14)"""
import sys, unicodedata

from datatrove.utils.text import PUNCTUATION, TERMINAL_PUNCTUATION
from spacy.lang.char_classes import LIST_PUNCT, LIST_QUOTES

SYMBOLS = {s.lstrip("\\") for s in LIST_PUNCT + LIST_QUOTES if len(s.lstrip("\\")) == 1}
# Scripts that write words without spaces between them: Han, kana, Thai, Lao, Khmer, Myanmar (letters and marks).
UNSPACED = [(0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3031, 0x3035), (0x3040, 0x30FF), (0x31F0, 0x31FF),
            (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x323AF)]


def bits(point):
    c = chr(point)
    category = unicodedata.category(c)
    flags = [c.isalpha(), category == "Nd", category == "Mn", c.isspace(), c in PUNCTUATION, c in TERMINAL_PUNCTUATION, category == "Ll",
             category == "Lu", category == "So", category == "Sc", c in SYMBOLS,
             category[0] in "LM" and any(a <= point <= b for a, b in UNSPACED)]
    return sum(1 << i for i, flag in enumerate(flags) if flag)


def fold(point):
    return "".join(c for c in unicodedata.normalize("NFD", chr(point).lower()) if unicodedata.category(c) != "Mn")


points = [p for p in range(0x110000) if not 0xD800 <= p < 0xE000]
print("// Made by make_characters.py; do not edit. Unicode", unicodedata.unidata_version)
print('#include "engine/data/characters.h"\n\nnamespace cairn::data {\n\nconst CharacterRun kCharacterRuns[] = {')
runs, last = [], None
for p in points:
    b = bits(p)
    if b != last:
        runs.append(f"{{{p:#x},{b:#x}}}")
        last = b
for i in range(0, len(runs), 9):
    print("    " + ", ".join(runs[i:i + 9]) + ",")
print(f"}};\nconst std::size_t kCharacterRunCount = {len(runs)};\n\nconst CharacterFold kCharacterFolds[] = {{")
folds = []
for p in points:
    if 0xAC00 <= p <= 0xD7A3:   # Hangul syllables are decomposed by arithmetic
        continue
    f = fold(p)
    if f and f != chr(p):       # nonspacing marks, and they alone, become nothing: their bit says so
        folds.append(f'{{{p:#x},"' + "".join(f"\\x{b:02x}" for b in f.encode()) + '"}')
for i in range(0, len(folds), 6):
    print("    " + ", ".join(folds[i:i + 6]) + ",")
print(f"}};\nconst std::size_t kCharacterFoldCount = {len(folds)};\n\n}}  // namespace cairn::data")
