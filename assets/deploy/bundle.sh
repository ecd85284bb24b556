#!/usr/bin/env bash
# bundle.sh FOLDER PROGRAM...: the programs in a folder that can be carried to a machine without root and without packages.
#
#   FOLDER/NAME       starts bin/NAME with the shared libraries beside it
#   FOLDER/bin, lib   the programs and the libraries that they need, but for those of the C library
#   FOLDER/lib/libc   the C library and its loader: used where the machine's own is too old for the programs
# The driver's libraries and NVIDIA's (cuBLASLt, cuDNN) are not taken along: they come from the machine.
set -euo pipefail
[ $# -ge 2 ] || { echo "error: bundle.sh FOLDER PROGRAM..." >&2; exit 2; }
out=$1; shift
[ ! -e "$out" ] || { echo "error: $out is there already; name a new folder" >&2; exit 2; }
mkdir -p "$out/bin" "$out/lib/libc"

cat > "$out/start" <<'START'
#!/bin/sh
# Starts bin/NAME, NAME being what this file is called by, with the libraries of this folder.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
program=$here/bin/$(basename "$0")
loader=$(echo "$here"/lib/libc/ld-linux-*)
new_enough=$("$loader" --library-path "$here/lib/libc" --version 2>/dev/null | sed -n '1s/.*[^0-9.]\([0-9][0-9]*\.[0-9][0-9]*\)\.*$/\1/p')
machine=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/[^0-9.]*//')
older=$(printf '%s\n%s\n' "${machine:-0}" "${new_enough:-0}" | sort -V | head -n 1)
if [ -n "$machine" ] && [ "$older" = "$new_enough" ] && [ -z "${CAIRN_BUNDLED_LIBC:-}" ]; then
  LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$program" "$@"
fi
exec "$loader" --library-path "$here/lib:$here/lib/libc${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$program" "$@"
START
chmod +x "$out/start"

for program in "$@"; do
  name=$(basename "$program")
  cp "$program" "$out/bin/$name"
  ln -s start "$out/$name"
  if ldd "$program" | grep 'not found' >&2; then echo "error: $program lacks these libraries on this machine" >&2; exit 1; fi
  ldd "$program" | sed -n 's/^.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' | while read -r library; do
    case "$(basename "$library")" in
      libc.so.*)   # and its small parts, which libraries that the machine gives may ask for
        for part in libc.so.6 libm.so.6 libdl.so.2 librt.so.1 libpthread.so.0; do cp -Lf "$(dirname "$library")/$part" "$out/lib/libc/"; done ;;
      ld-linux*|libm.so.*|libdl.so.*|librt.so.*|libpthread.so.*) cp -Lf "$library" "$out/lib/libc/" ;;
      *) cp -Lf "$library" "$out/lib/" ;;
    esac
  done
done
