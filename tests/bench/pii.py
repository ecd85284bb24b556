"""Personal identifiers found in the labelled sentences of ../shared/data/pii: precision and recall by kind, rules "cairn" beside Apertus' patterns;
and what the rules find in prose that should hold next to none. One JSON line a figure: value and peer_value are Cairn's and Apertus' figures.
A label is found when a span of its kind overlaps it, "whole" when one has the same ends; a span is right when it overlaps a label of its kind.
Usage: pii.py --build BUILD [--shared ../shared] [--list]. --list prints every label that was missed and every span that no label backs."""
import argparse, json, pathlib, re, subprocess, sys, tempfile

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--list", action="store_true")
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_data"
KINDS = {"EMAIL_ADDRESS": "email", "IP_ADDRESS": "ip", "IBAN_CODE": "iban", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card"}


def labelled():
    """Texts and their labels (kind, begin, end), in bytes of UTF-8."""
    for name in ("presidio_synth_v2", "presidio_generated_small"):
        for sample in json.loads((a.shared / f"data/pii/{name}.json").read_text(encoding="utf-8")):
            text = sample["full_text"]
            bytes_before = lambda at: len(text[:at].encode())
            yield text, [(KINDS[s["entity_type"]], bytes_before(s["start_position"]), bytes_before(s["end_position"]))
                         for s in sample["spans"] if s["entity_type"] in KINDS]


def prose():
    for path in sorted((a.shared / "data/gutenberg").glob("*.txt")):
        yield path.read_text(encoding="utf-8", errors="replace")
    for path in sorted((a.shared / "data/udhr").glob("*.xml")):
        yield "\n".join(re.findall("<para>(.*)</para>", path.read_text(encoding="utf-8")))


def spans_of(texts, rules):
    with tempfile.TemporaryDirectory() as scratch:
        source, out = pathlib.Path(scratch) / "texts.jsonl", pathlib.Path(scratch) / "spans"
        source.write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts), encoding="utf-8")
        rate = json.loads(subprocess.run([program, "pii", source, rules, out], check=True, capture_output=True, text=True).stdout)
        return [json.loads(line) for line in out.read_text().splitlines()], rate["mb_per_s"]


def overlap(x, y):
    return x[0] == y[0] and x[1] < y[2] and y[1] < x[2]


samples = list(labelled())
texts = [text for text, _ in samples]
found = {rules: spans_of(texts, rules)[0] for rules in ("cairn", "apertus")}
tally = {}
for rules, spans in found.items():
    for (text, labels), hits in zip(samples, spans):
        raw = text.encode()
        for label in labels:
            t = tally.setdefault((rules, label[0]), dict(labels=0, found=0, whole=0, spans=0, right=0))
            t["labels"] += 1
            t["found"] += any(overlap(label, hit) for hit in hits)
            t["whole"] += any(list(label) == hit for hit in hits)
            if a.list and rules == "cairn" and not any(overlap(label, hit) for hit in hits):
                print("missed", label[0], repr(raw[label[1]:label[2]].decode()), "in", repr(raw[max(0, label[1] - 40):label[2] + 20].decode(errors="ignore")), file=sys.stderr)
        for hit in hits:
            t = tally.setdefault((rules, hit[0]), dict(labels=0, found=0, whole=0, spans=0, right=0))
            t["spans"] += 1
            t["right"] += any(overlap(label, hit) for label in labels)
            if a.list and not any(overlap(label, hit) for label in labels):
                print("extra", rules, hit[0], repr(raw[hit[1]:hit[2]].decode()), "in", repr(raw[max(0, hit[1] - 40):hit[2] + 20].decode(errors="ignore")), file=sys.stderr)

for kind in ("email", "ip", "iban", "phone", "card"):
    ours, theirs = (tally.get((rules, kind)) for rules in ("cairn", "apertus"))
    share = lambda t, part, whole: round(t[part] / t[whole], 4) if t and t[whole] else None
    for what, part, whole in (("recall", "found", "labels"), ("recall, whole", "whole", "labels"), ("precision", "right", "spans")):
        peer = share(theirs, part, whole) if kind in ("email", "ip", "iban") else None
        figure(f"pii {kind}: {what}", share(ours, part, whole) or 0, "share", "apertus" if peer is not None else None, peer,
               of=ours[whole], peer_of=theirs[whole] if theirs and peer is not None else None)

books = list(prose())
size = sum(len(t.encode()) for t in books) / 1e6
ours, rate = spans_of(books, "cairn")
theirs, peer_rate = spans_of(books, "apertus")
count = lambda all_spans, kind: sum(hit[0] == kind for hits in all_spans for hit in hits)
for kind in ("email", "ip", "iban", "phone", "card"):
    figure(f"pii {kind}: spans in books and declarations", count(ours, kind), "spans", "apertus" if kind in ("email", "ip", "iban") else None,
           count(theirs, kind) if kind in ("email", "ip", "iban") else None, mb=round(size, 2))
if a.list:
    for text, hits in zip(books, ours):
        for hit in hits:
            raw = text.encode()
            print("in prose", hit[0], repr(raw[hit[1]:hit[2]].decode()), "in", repr(raw[max(0, hit[1] - 40):hit[2] + 20].decode(errors="ignore")), file=sys.stderr)
figure("pii: one pass over a text, 1 thread", rate, "MB/s", "apertus", peer_rate)
