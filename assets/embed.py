"""Turns files into a C++ source of string constants, for the build.
Usage: embed.py OUT.cpp NAMESPACE FILE...   Each FILE becomes an entry {name, text} of NAMESPACE::embedded_files(), name = file name."""
import sys
from pathlib import Path

out, namespace, *files = sys.argv[1:]
CHUNK = 8000  # compilers limit the length of one literal


def literal(text):
    parts = [text[i:i + CHUNK] for i in range(0, len(text), CHUNK)] or [""]
    return " ".join('R"embedded(' + p + ')embedded"' for p in parts)


entries = ",\n".join(f'    {{"{Path(f).name}", {literal(Path(f).read_text(encoding="utf-8"))}}}' for f in sorted(files))
Path(out).write_text(f"""// Made by assets/embed.py; do not edit.
#include "base/embedded.h"

namespace {namespace} {{
const std::vector<cairn::EmbeddedFile>& embedded_files() {{
  static const std::vector<cairn::EmbeddedFile> files = {{
{entries}
  }};
  return files;
}}
}}  // namespace {namespace}
""", encoding="utf-8")
