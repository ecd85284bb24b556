"""Writes display_width.h from the Unicode data of this Python: python3 base/make_display_width.py > base/display_width.h"""
import sys
import unicodedata


def ranges(wanted):
    found, start = [], None
    for code in range(0x300, 0x110001):
        inside = code < 0x110000 and wanted(chr(code))
        if inside and start is None:
            start = code
        if not inside and start is not None:
            found.append((start, code - 1))
            start = None
    return found


def zero(c):
    # Conjoining Hangul vowels and finals join the syllable before them.
    return unicodedata.category(c) in ("Mn", "Me", "Cf") or 0x1160 <= ord(c) <= 0x11FF


def double(c):
    unassigned_ideograph = unicodedata.category(c) == "Cn" and (0x20000 <= ord(c) <= 0x2FFFD or 0x30000 <= ord(c) <= 0x3FFFD)
    return (unicodedata.east_asian_width(c) in "WF" or unassigned_ideograph) and not zero(c)


def table(name, rows):
    print(f"inline constexpr CodePointRange {name}[] = {{")
    line = "   "
    for first, last in rows:
        item = f" {{0x{first:04X}, 0x{last:04X}}},"
        if len(line) + len(item) > 130:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};\n")


print(f"// Made by make_display_width.py from Unicode {unicodedata.unidata_version}: do not edit.")
print("#pragma once\n\nnamespace cairn {\n\nstruct CodePointRange {\n  char32_t first, last;\n};\n")
print("// General categories Mn, Me, Cf, from U+0300 on, and conjoining Hangul vowels and finals.")
table("kZeroWidth", ranges(zero))
print("// East Asian width W and F.")
table("kDoubleWidth", ranges(double))
print("}  // namespace cairn")
sys.stdout.flush()
