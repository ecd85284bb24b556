#!/usr/bin/env bash
# The demo in small: generated documents, a model of about 100k parameters, every verb. Usage: shrunken_demo.sh CAIRN
set -euo pipefail
CAIRN=$(realpath "$1")
HERE=$(realpath "$(dirname "$0")")
WORK=$(mktemp -d)
SERVER=
cleanup() {
  [ -z "$SERVER" ] || kill -TERM "$SERVER" 2>/dev/null || true
  chmod -R u+w "$WORK"
  rm -rf "$WORK"
}
trap cleanup EXIT
cd "$WORK"

fail() { echo "FAILED: $*" >&2; exit 1; }
json() { python3 -c "import json,sys; print(eval('d' + sys.argv[1], {'d': json.load(sys.stdin)}))" "$1"; }
cairn() { "$CAIRN" -q -C ws "$@"; }
digest_of() { cairn show "$1" --json | json "['digest']"; }
expect() { grep -q -- "$2" <<< "$1" || fail "expected '$2' in: $1"; }

python3 "$HERE/make_corpus.py" corpus
cat > pipeline.json <<'JSON'
{"pipeline": "small", "seed": 3, "steps": {
  "corpus": {"step": "ingest", "config": {"sources": [
    {"name": "pages", "path": "corpus/html", "glob": ["**/*.html"], "kind": "html", "licence": "CC-BY-4.0", "retrieved": "2026-01-01T00:00:00Z"},
    {"name": "closed", "path": "corpus/closed.jsonl", "kind": "jsonl", "licence": "LicenseRef-closed", "retrieved": "2026-01-01T00:00:00Z"}]}},
  "clean": {"step": "curate", "inputs": {"documents": "corpus.documents"}, "config": {"filters": [
    {"filter": "licence", "allow": ["CC-BY-4.0"]}, {"filter": "pii"}, {"filter": "gopher_quality"}, {"filter": "exact_dedup"}, {"filter": "minhash"}],
    "held_out": {"fraction": 0.1, "least": 3}}},
  "tokenizer": {"step": "train-tokenizer", "inputs": {"documents": "clean.documents"}, "config": {"vocab_size": 512}},
  "shards": {"step": "pack", "inputs": {"documents": "clean.documents", "tokenizer": "tokenizer.tokenizer"}},
  "base": {"step": "pretrain", "inputs": {"data": "shards.data", "tokenizer": "tokenizer.tokenizer"}, "config": {
    "model": {"layers": 2, "width": 64, "heads": 4, "kv_heads": 2, "mlp_width": 128, "max_positions": 512},
    "sequence_length": 64, "batch": 4, "steps": 400, "checkpoint_every": 20, "schedule": {"name": "wsd", "lr": 0.005}}},
  "base-model": {"step": "export", "inputs": {"checkpoint": "base.checkpoint", "tokenizer": "tokenizer.tokenizer"}},
  "questions": {"step": "derive-instructions", "inputs": {"documents": "clean.documents"}, "config": {"rules": ["language"], "most_per_rule": 60}},
  "chat": {"step": "sft", "inputs": {"checkpoint": "base.checkpoint", "tokenizer": "tokenizer.tokenizer", "conversations": "questions.conversations"},
    "config": {"sequence_length": 256, "batch": 4, "schedule": {"name": "linear", "lr": 0.001}}},
  "chat-model": {"step": "export", "inputs": {"checkpoint": "chat.checkpoint", "tokenizer": "tokenizer.tokenizer"}, "config": {"chat": true}},
  "tasks": {"step": "derive-tasks", "inputs": {"documents": "clean.held_out"}, "config": {"documents_per_language": 2, "choice_questions": 4, "generation_questions": 4}},
  "evaluation": {"step": "evaluate", "inputs": {"models": ["base-model.model", "chat-model.model"], "tasks": "tasks.tasks", "checkpoints": "base.checkpoint"},
    "config": {"names": ["base", "chat"], "limit": 2}}}}
JSON

echo "init, and a training that is killed in mid-step"
"$CAIRN" -q init ws
"$CAIRN" -q -C ws run pipeline.json > /dev/null 2>&1 &
TRAINING=$!
for _ in $(seq 2000); do
  grep -q '"step":60\b' ws/runs/*/metrics.jsonl 2>/dev/null && break
  kill -0 "$TRAINING" 2>/dev/null || break
  sleep 0.01
done
kill -KILL "$TRAINING" 2>/dev/null || fail "the run ended before it could be killed"
wait "$TRAINING" 2>/dev/null || true

echo "run to the end; run again: nothing is done again"
cairn run pipeline.json > /dev/null
runs=$(cairn runs --json | json ".__len__()")
cairn run pipeline.json > /dev/null
[ "$(cairn runs --json | json ".__len__()")" = "$runs" ] || fail "a second run did work again"
lost=$(cairn runs --json | python3 -c "import json,sys; print(sum(r['state'] == 'lost' for r in json.load(sys.stdin)))")
[ "$lost" = 1 ] || fail "expected one run that was killed, found $lost"

echo "questions to the ledger"
expect "$(cairn why 'https://example.org/closed/1')" "licence"
expect "$(cairn why de/page05.html)" "minhash"
expect "$(cairn why fr/page07.html)" "clean"
expect "$(cairn impact pages)" "read"
[ "$(cairn upstream chat-model --json | json ".__len__()")" -ge 7 ] || fail "upstream of chat-model is too short"
[ "$(cairn downstream corpus --json | json ".__len__()")" -ge 8 ] || fail "downstream of corpus is too short"
cairn stale > /dev/null || fail "something is stale"
cairn watch base --once > /dev/null
cairn audit > /dev/null || fail "the audit of the workspace"
[ "$(cairn generate base-model '<email-pii>' --max-tokens 1 --json | json "['prompt_tokens']")" = 2 ] || fail "the marker of an e-mail address is not one token"
grep -q 'edited' <<< "$(cairn why de/page03.html)$(cairn why de/page03.html --json)" || fail "the e-mail address of page 3 was left as it is"

echo "reproduce: the killed training and an uninterrupted one"
expect "$(cairn reproduce base)" IDENTICAL
expect "$(cairn reproduce clean)" IDENTICAL

echo "release, audit of a copy, a flipped byte in every seventh file"
cairn release chat-model release --key key.pem > /dev/null
mkdir elsewhere; cp -r release elsewhere/copy
"$CAIRN" -q audit elsewhere/copy > /dev/null || fail "the audit of the release's copy"
count=0
while read -r file; do
  count=$((count + 1)); [ $((count % 7)) -eq 1 ] || continue
  cp "elsewhere/copy/$file" saved; chmod u+w "elsewhere/copy/$file"
  python3 -c "
import sys
p = sys.argv[1]; b = bytearray(open(p, 'rb').read()); b[len(b) // 3] ^= 4; open(p, 'wb').write(b)" "elsewhere/copy/$file"
  said=$("$CAIRN" -q audit elsewhere/copy) && fail "the audit did not notice a byte flipped in $file"
  expect "$said" "$(basename "$file" | cut -c1-12)"
  cp saved "elsewhere/copy/$file"
done < <(cd release && find . -type f | LC_ALL=C sort)
[ "$count" -ge 14 ] || fail "the release has only $count files"

echo "generate and serve"
[ "$(cairn generate base-model 'the' --seed 5 --max-tokens 12)" = "$(cairn generate base-model 'the' --seed 5 --max-tokens 12)" ] || fail "the same seed gave two texts"
"$CAIRN" -q -C ws serve chat-model --port 0 > server.txt 2> server.log &
SERVER=$!
for _ in $(seq 100); do grep -q listening server.txt && break; sleep 0.05; done
python3 - "$(sed -n 's/.*://p' server.txt)" <<'PY'
import json, sys, urllib.error, urllib.request
base = f"http://127.0.0.1:{sys.argv[1]}"
def post(path, body):
    request = urllib.request.Request(base + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return urllib.request.urlopen(request, timeout=30).read().decode()
answer = json.loads(post("/v1/chat/completions", {"model": "chat-model", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8, "temperature": 0}))
assert answer["choices"][0]["finish_reason"] in ("stop", "length"), answer
stream = post("/v1/chat/completions", {"model": "chat-model", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8, "temperature": 0, "stream": True})
pieces = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in stream.splitlines() if line.startswith("data: {")]
assert "".join(pieces) == answer["choices"][0]["message"]["content"], (pieces, answer)
assert stream.endswith("data: [DONE]\n\n")
try:
    post("/v1/chat/completions", {"model": "nobody", "messages": []})
    raise SystemExit("a wrong request was answered")
except urllib.error.HTTPError as error:
    assert error.code in (400, 404) and "error" in json.loads(error.read())
assert json.loads(urllib.request.urlopen(base + "/v1/models").read())["data"][0]["id"] == "chat-model"
PY
kill -TERM "$SERVER"; wait "$SERVER" || fail "the server did not end cleanly"
SERVER=

echo "the workspace moves; nothing inside names where it was"
grep -rIl --exclude-dir=objects "$WORK/ws" ws && fail "an absolute path in the workspace"
mv ws moved
"$CAIRN" -q -C moved audit > /dev/null || fail "the audit of the moved workspace"
[ "$("$CAIRN" -q -C moved show base --json | json "['digest']")" != "" ]

echo "exit codes"
set +e
"$CAIRN" -q -C moved run nowhere.json > /dev/null 2>&1; [ $? -eq 2 ] || fail "exit code of a missing pipeline"
"$CAIRN" -q -C moved show nothing > /dev/null 2>&1; [ $? -eq 2 ] || fail "exit code of an unknown name"
echo "all of it holds"
