"""Writes library_classes.cpp: classes of characters as the crates behind the `tokenizers` library know them, some of them by an old
Unicode, so that BertNormalizer, StripAccents and Punctuation give its results on every machine, whatever ICU is installed.
Usage: make_library_classes.py > library_classes.cpp      (needs the `tokenizers` package)"""
from tokenizers import normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def removed(normalizer):
    return [c for c in POINTS if normalizer.normalize_str("a" + chr(c) + "b") == "ab"]


def bert(clean, accents):
    return normalizers.BertNormalizer(clean_text=clean, handle_chinese_chars=False, strip_accents=accents, lowercase=False)


def cut(pre_tokenizer):
    return [c for c in POINTS if len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "b")) > 1]


mask = [0] * 0x110000
for bit, points in [(1, cut(pre_tokenizers.Punctuation())), (2, removed(bert(False, True))), (4, removed(normalizers.StripAccents())), (8, removed(bert(True, False)))]:
    for c in points:
        mask[c] |= bit
words = [f"0x{c << 8 | mask[c]:08x}" for c in range(0x110000) if c == 0 or mask[c] != mask[c - 1]]
print("// Made by make_library_classes.py; do not edit. Each entry: first code point of a run << 8 | class bits (library_classes.h).")
print('#include "engine/text/library_classes.h"\n\nnamespace cairn::text {\n')
print(f"const std::size_t kLibraryRunCount = {len(words)};")
print("const std::uint32_t kLibraryRuns[] = {")
for i in range(0, len(words), 10):
    print("    " + ", ".join(words[i:i + 10]) + ",")
print("};\n\n}  // namespace cairn::text")
