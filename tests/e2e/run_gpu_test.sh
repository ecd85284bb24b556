#!/usr/bin/env bash
# ./run gpu on a machine without a package manager, as GPU nodes are: it takes what is there, and says in one line what is not.
set -euo pipefail
source_folder=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir "$folder"/{node,without,with}
for tool in bash dirname; do ln -s "$(command -v $tool)" "$folder/node/$tool"; done
printf '#!%s\necho "error: there is no GPU to use" >&2\nexit 2\n' "$folder/node/bash" > "$folder/without/bench_gpu"
printf '#!%s\n' "$folder/node/bash" > "$folder/with/bench_gpu"
chmod +x "$folder"/with*/bench_gpu

# expect STATUS TEXT COMMAND...: what ./run prints, in all, and how it ends.
expect() {
  local status=0 found
  found=$(PATH=$folder/node bash "$source_folder/run" "${@:3}" 2>&1) || status=$?
  if [ "$status" != "$1" ] || [ "$found" != "$2" ]; then
    printf './run %s\nexpected %s: %s\nfound %s: %s\n' "${*:3}" "$1" "$2" "$status" "$found" >&2
    exit 1
  fi
}

CAIRN_GPU_BIN=$folder/without expect 2 "error: there is no GPU to use" gpu
CAIRN_GPU_BIN=$folder/with expect 1 "error: train needs the program, which was not built: its libraries are missing here (packages.txt)" gpu train
expect 0 "" prepare build demo   # packages are for who has a package manager

# Where the program cannot be configured, the kernels alone are, in the same folder; what else lies there is the user's.
for tool in sed head grep; do ln -s "$(command -v $tool)" "$folder/node/$tool"; done
cat > "$folder/node/meson" <<TEXT
#!$folder/node/bash
case "\$*" in
  *only_kernels=true*) echo "build cairn_kernels:" > "\$2/build.ninja" ;;
  *) echo "meson.build:3:2: ERROR: no library" ; exit 1 ;;
esac
TEXT
printf '#!%s\n' "$folder/node/bash" > "$folder/node/ninja"
chmod +x "$folder/node/meson" "$folder/node/ninja"
mkdir -p "$folder/build/tests/gpu"
cp "$folder/without/bench_gpu" "$folder/build/tests/gpu/"
echo precious > "$folder/build/notes"
bold=$'\033[1m' plain=$'\033[0m'
CAIRN_BUILD=$folder/build expect 2 "${bold}configuring in $folder/build${plain}
${bold}the program cannot be built here (no library): only the kernels and their tests${plain}
${bold}building${plain}
error: there is no GPU to use" gpu
[ "$(cat "$folder/build/notes")" = precious ] || { echo "./run gpu removed what lay in CAIRN_BUILD" >&2; exit 1; }
