"""Writes unicode_classes.cpp: for every code point the class that pre-tokenizer patterns ask about, as the regular expressions of
the `tokenizers` library see it (0.23: Unicode 16), so that encoding is the same on every machine, whatever the installed PCRE2 knows.
Usage: make_unicode_classes.py > unicode_classes.cpp      (needs the `tokenizers` package)"""
from tokenizers import Regex, pre_tokenizers

CLASSES = [(r"[\p{Lu}\p{Lt}]", 1), (r"\p{Ll}", 2), (r"[\p{Lm}\p{Lo}]", 4), (r"\p{M}", 8), (r"\p{N}", 16), (r"\s", 32), (r"[\r\n]", 64)]
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]

mask = [0] * 0x110000
for pattern, bit in CLASSES:
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    for i in range(0, len(POINTS), 20000):
        for piece, _ in split.pre_tokenize_str("".join(map(chr, POINTS[i:i + 20000]))):
            for c in piece:
                mask[ord(c)] |= bit
mask = [m or 128 for m in mask]
runs = [(c, mask[c]) for c in range(0x110000) if c == 0 or mask[c] != mask[c - 1]]
words = [f"0x{c << 8 | m:08x}" for c, m in runs]
print("// Made by make_unicode_classes.py; do not edit. Each entry: first code point of a run << 8 | class bits (unicode.h).")
print('#include "engine/text/unicode.h"\n\nnamespace cairn::text {\n')
print(f"const std::size_t kClassRunCount = {len(words)};")
print("const std::uint32_t kClassRuns[] = {")
for i in range(0, len(words), 10):
    print("    " + ", ".join(words[i:i + 10]) + ",")
print("};\n\n}  // namespace cairn::text")
