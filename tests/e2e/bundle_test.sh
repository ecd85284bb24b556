#!/usr/bin/env bash
# A bundle starts with its own libraries alone, with the machine's C library or its own, and refuses a folder that is there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bundle=$CAIRN_SOURCE/assets/deploy/bundle.sh
"$bundle" "$folder/bundle" "$1"
wanted=$("$1" --version)
[ "$(env -i PATH="$PATH" "$folder/bundle/cairn" --version)" = "$wanted" ]
[ "$(env -i PATH="$PATH" CAIRN_BUNDLED_LIBC=1 "$folder/bundle/cairn" --version)" = "$wanted" ]
ln -s "$folder/bundle/cairn" "$folder/cairn"   # as people link it into their own bin
[ "$(cd / && "$folder/cairn" --version)" = "$wanted" ]
LD_LIBRARY_PATH="$folder/bundle/lib" ldd "$folder/bundle/bin/cairn" | grep 'libfmt' | grep -q "$folder/bundle/lib"
if "$bundle" "$folder/bundle" "$1" 2> "$folder/error"; then exit 1; fi
grep -q 'is there already; name a new folder' "$folder/error"
