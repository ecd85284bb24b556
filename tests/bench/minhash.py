"""MinHash deduplication end to end beside datatrove's four stages (../shared/peers/minhash.py), same JSONL in, kept documents out, same number of threads;
then our deduplicators alone on a larger input, with all in memory and with files for what is beyond a small budget. One JSON line a figure, with peak memory.
Ours is ingest and curate as they run: reading, signatures, clusters, decisions, report, writing. Documents are pieces of the English
books under ../shared/data, each third with a copy of which one word in forty is another. Usage: minhash.py --build BUILD [--threads 1] [--mb 8] [--large-mb 400]
The peer needs datatrove (CAIRN_PYTHON names the Python of ./run bench); without it, only our own figures."""
import argparse, json, os, pathlib, random, statistics, subprocess, sys, tempfile

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("--mb", type=float, default=8)
ap.add_argument("--large-mb", type=float, default=400)
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_data"


def words_of_books():
    texts = []
    for path in sorted(a.shared.glob("data/gutenberg/*.txt")):
        if path.stem.endswith("_ja"):
            continue  # has no words between spaces
        texts.append(path.read_text(encoding="utf-8", errors="replace").split())
    return texts


def write_rows(path, mb, rng, books):
    """Documents of 100 to 700 words: every one of them begins at a random place, and every third is followed by a near copy."""
    size = n = 0
    with open(path, "w", encoding="utf-8") as out:
        def put(words):
            nonlocal size, n
            text = " ".join(words)
            out.write(json.dumps({"id": str(n), "text": text, "url": f"https://example.org/{n}"}, ensure_ascii=False) + "\n")
            size, n = size + len(text.encode()), n + 1
        while size < mb * 1e6:
            book = rng.choice(books)
            length = rng.randint(100, 700)
            begin = rng.randrange(max(1, len(book) - length))
            # Twenty words in a row alternate with twenty from anywhere, so that pieces of one book are not near copies of one another.
            words = [w for i in range(begin, begin + length, 20) for w in (book[i:i + 20] if i // 20 % 2 else rng.sample(book, min(20, len(book))))][:length]
            put(words)
            if n % 3 == 0:
                put([rng.choice(book) if rng.random() < 1 / 40 else w for w in words])
    return size / 1e6, n


def ours(rows, work, threads, chain, memory=None):
    runtime = {"memory": memory} if memory is not None else {}
    source = {"name": "rows", "path": str(rows), "kind": "jsonl", "licence": "MIT", "language": "en"}
    pipeline = work / "pipeline.json"
    pipeline.write_text(json.dumps({"steps": {"corpus": {"config": {"sources": [source]}},
                                              "clean": {"config": {"filters": [chain], "runtime": runtime}}}}))
    lines = subprocess.run([program, "run", pipeline, work / "out", str(threads)], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def peer(rows):
    command = [sys.executable, str(a.shared / "peers/minhash.py"), str(rows), "--threads", str(a.threads), "--runs", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        print("note: the peer did not run:", done.stderr.strip().splitlines()[-1:], file=sys.stderr)
    return lines[0] if lines else None


with tempfile.TemporaryDirectory() as folder:
    work, rng, books = pathlib.Path(folder), random.Random(1), words_of_books()
    mb, documents = write_rows(work / "rows.jsonl", a.mb, rng, books)
    theirs = peer(work / "rows.jsonl")
    for hashes in ("datatrove", "cairn"):
        runs = [ours(work / "rows.jsonl", work, a.threads, {"filter": "minhash", "hashes": hashes}) for _ in range(a.runs)]
        value = statistics.median(mb / sum(step["seconds"] for step in run) for run in runs)
        figure(f"MinHash deduplication end to end, hashes {hashes}, {a.threads} thread" + ("s" if a.threads > 1 else ""), value, "MB/s",
               f"datatrove {theirs['version']}" if theirs else None, theirs and theirs["value"], mb=round(mb, 1), documents=documents,
               peak_mb=max(step["peak_mb"] for step in runs[0]), summary=runs[0][-1]["summary"], peer_kept=theirs and theirs["kept"],
               peer_peak_mb=theirs and theirs.get("peak_rss_mb"), peer_stage_seconds=theirs and theirs["stage_seconds"])
    mb, documents = write_rows(work / "large.jsonl", a.large_mb, rng, books)
    for chain in ({"filter": "minhash"}, {"filter": "paragraph_dedup", "of": "lines"}, {"filter": "substring_dedup"}):
        for name, memory in (("in memory", 4_000_000_000), ("with files beyond 64 MB", 64_000_000)):
            run = ours(work / "large.jsonl", work, os.cpu_count(), chain, memory)
            figure(f"curate with {chain['filter']} alone, large input, {name}, {os.cpu_count()} threads", mb / run[-1]["seconds"], "MB/s", mb=round(mb, 1),
                   documents=documents, peak_mb=run[-1]["peak_mb"], summary=run[-1]["summary"])
