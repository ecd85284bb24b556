#!/usr/bin/env bash
# ./run demo: the whole path on real documents — corpus, tokenizer, pre-training that is killed and resumed, fine-tuning, evaluation, a served
# model, a signed release, its audit, a reproduction. Everything lies in demo/ afterwards. Usage: demo.sh CAIRN [FOLDER]
set -euo pipefail

CAIRN=$(realpath "$1")
FOLDER=${2:-demo}
PIPELINE=$(realpath "$(dirname "$0")/../../assets/pipelines/demo.json")
KILL_AT_STEP=330
STARTED=$(date +%s)
SERVER=
TRAINING=

cleanup() {
  [ -z "$SERVER" ] || kill -TERM "$SERVER" 2>/dev/null || true
  [ -z "$TRAINING" ] || kill -KILL "$TRAINING" 2>/dev/null || true
}
trap cleanup EXIT

chapter() { printf '\n\033[1m%s\033[0m\n' "$*"; }
cairn() { "$CAIRN" -C "$FOLDER/workspace" "$@"; }
json() { python3 -c "import json,sys; print(eval('d' + sys.argv[1], {'d': json.load(sys.stdin)}))" "$1"; }
digest_of() { cairn show "$1" --json | json "['digest']"; }
die() { echo "error: $*" >&2; exit 1; }

if [ -e "$FOLDER" ]; then
  [ -f "$FOLDER/workspace/cairn.json" ] || die "$FOLDER exists and is not a demo; move it away"
  rm -rf "$FOLDER"
fi
[ -d /usr/share/doc/debian/FAQ ] || die "/usr/share/doc/debian/FAQ is missing: the packages of packages.txt [demo] are not installed, or this image's dpkg leaves documentation out (path-exclude in /etc/dpkg/dpkg.cfg.d)"
mkdir -p "$FOLDER"

chapter "1. A workspace, a corpus, a tokenizer, a model — and a SIGKILL in mid-step"
"$CAIRN" init "$FOLDER/workspace"
"$CAIRN" -C "$FOLDER/workspace" run "$PIPELINE" &
TRAINING=$!
reached=0
while [ "$reached" -lt "$KILL_AT_STEP" ]; do
  kill -0 "$TRAINING" 2>/dev/null || die "the run ended before it could be killed"
  sleep 0.05
  last=$(tail -qn 1 "$FOLDER"/workspace/runs/*/metrics.jsonl 2>/dev/null | grep -o '"step":[0-9]*' | tail -n 1 || true)
  reached=${last#*:}; reached=${reached:-0}
done
kill -KILL "$TRAINING"
wait "$TRAINING" 2>/dev/null || true
TRAINING=
echo "killed the training with SIGKILL after step $reached"

chapter "2. The same command again: what was done is not done again, the training goes on from its last checkpoint"
cairn run "$PIPELINE"

chapter "3. The pre-training once more, uninterrupted, from its record"
cairn reproduce base --json > "$FOLDER/reproduce.json" || die "the reproduction differs: $(json "['verdict']" < "$FOLDER/reproduce.json")"
VERDICT=$(json "['verdict']" < "$FOLDER/reproduce.json")
REPRODUCED=$(json "['outputs'][0]['again']" < "$FOLDER/reproduce.json")
echo "$VERDICT"

chapter "4. The model answers over HTTP"
"$CAIRN" -C "$FOLDER/workspace" serve chat-model --port 0 > "$FOLDER/server.txt" 2> "$FOLDER/server.log" &
SERVER=$!
for _ in $(seq 100); do grep -q listening "$FOLDER/server.txt" && break; sleep 0.1; done
PORT=$(sed -n 's/.*://p' "$FOLDER/server.txt")
QUESTION=$'In which language is this text written?\n\nインストーラーはコンピュータの名前とネットワークを尋ねます。'
curl -sS --fail-with-body "http://127.0.0.1:$PORT/v1/chat/completions" -H 'Content-Type: application/json' \
  -d "$(python3 -c 'import json,sys; print(json.dumps({"model": "chat-model", "temperature": 0, "max_tokens": 40, "messages": [{"role": "user", "content": sys.argv[1]}]}))' "$QUESTION")" > "$FOLDER/answer.json"
printf 'asked:    %s\n' "${QUESTION//$'\n\n'/ }"
printf 'answered: %s\n' "$(json "['choices'][0]['message']['content']" < "$FOLDER/answer.json")"
kill -TERM "$SERVER"; wait "$SERVER" || true
SERVER=

chapter "5. A signed release, and its audit"
cairn release chat-model "$FOLDER/release" --key "$FOLDER/signing-key.pem"
cairn audit "$FOLDER/release"
cp -r "$FOLDER/release" "$FOLDER/release-with-one-bit-flipped"
VICTIM=$(cd "$FOLDER/release" && find . -name 'model.safetensors' | head -n 1)
OFFSET=$(python3 - "$FOLDER/release-with-one-bit-flipped/$VICTIM" <<'PY'
import os, sys
path = sys.argv[1]
os.chmod(path, 0o644)
offset = os.path.getsize(path) * 2 // 3
with open(path, "r+b") as f:
    f.seek(offset); byte = f.read(1)[0]
    f.seek(offset); f.write(bytes([byte ^ 0x10]))
print(offset)
PY
)
echo "flipped one bit of a copy: $VICTIM, offset $OFFSET. The audit of the copy:"
if cairn audit "$FOLDER/release-with-one-bit-flipped" | tee "$FOLDER/flipped.txt"; then die "the audit did not notice the flipped bit"; fi
grep -q "$OFFSET" "$FOLDER/flipped.txt" || die "the audit did not name the offset $OFFSET"
rm -rf "$FOLDER/release-with-one-bit-flipped"

chapter "6. What became of one source, and why a document is not in the corpus"
cairn impact debian-faq
cairn why "$(python3 - "$(cairn show clean.report --json | json "['path']")" <<'PY'
import json, pathlib, sys
report = pathlib.Path(sys.argv[1])
data = json.loads((report / "report.json" if report.is_dir() else report).read_text())
def urls(node):
    if isinstance(node, dict):
        if "url" in node: yield node["url"]
        for value in node.values(): yield from urls(value)
    elif isinstance(node, list):
        for value in node: yield from urls(value)
print(next(urls(data), ""))
PY
)"

SECONDS_TAKEN=$(($(date +%s) - STARTED))
RESUMED=$(digest_of base)
cp "$(cairn show evaluation --json | json "['path']")/report.html" "$FOLDER/report.html"
chapter "What you have now"
cat <<TEXT
  killed at step $reached, resumed $RESUMED
  never interrupted          $REPRODUCED
  verdict                    $VERDICT
  corpus                     $(cairn show clean --json | json "['run']['note']")
  release                    $FOLDER/release   (cairn audit $FOLDER/release works on any copy)
  evaluation report          $FOLDER/report.html
  rebuild everything         ./run demo
  wall time                  $((SECONDS_TAKEN / 60))m$(printf %02d $((SECONDS_TAKEN % 60)))s
TEXT
