"""Main content of HTML beside trafilatura with datatrove's settings, same pages, one thread each, with libxml2's parse alone for comparison: on pages of
Debian's documentation as ../shared/peers/corpus.py and filters.py take them, and on the 91 news pages of ../shared/data/extraction (as extraction.py there),
for which F1 of both on 4-grams of words against the gold texts is printed, too. One JSON line a figure.
Usage: extraction.py --build BUILD [--runs 5] [--mb 5] [--docs /usr/share/doc] [--shared ../shared]
Needs trafilatura, and lxml for the documentation (CAIRN_PYTHON); without it the peer's part is left out."""
import argparse, gzip, json, pathlib, re, resource, subprocess, sys, tempfile, time
from collections import Counter

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--docs", type=pathlib.Path, default=pathlib.Path("/usr/share/doc"))
ap.add_argument("--mb", type=float, default=5)
ap.add_argument("--runs", type=int, default=5)
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_data"
try:
    from trafilatura import extract
except ImportError as error:
    print(f"note: {error}; only our own figures", file=sys.stderr)
    extract = None


def grams(text, n=4):
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[i:i + n]) for i in range(max(1, len(words) - n + 1))) if words else Counter()


def f1(gold, texts):
    precision = recall = 0
    for row in gold:
        want, got = grams(row["text"]), grams(texts.get(row["id"], ""))
        hit = sum((want & got).values())
        precision += hit / max(1, sum(got.values()))
        recall += hit / max(1, sum(want.values()))
    p, r = precision / len(gold), recall / len(gold)
    return round(2 * p * r / max(1e-9, p + r), 4)


def theirs(pages):
    """Texts by id, and megabytes a second."""
    def take(page):
        try:
            return extract(page, favor_precision=True, include_comments=False, deduplicate=True) or ""
        except Exception:
            return ""
    take(next(iter(pages.values())))
    start = time.perf_counter()
    texts = {k: take(page) for k, page in pages.items()}
    return texts, sum(len(p.encode()) for p in pages.values()) / 1e6 / (time.perf_counter() - start)


def compare(what, folder, pages, out):
    runs = [json.loads(subprocess.run([program, "extract", folder, out], check=True, capture_output=True, text=True).stdout) for _ in range(a.runs)]
    best = min(runs, key=lambda run: run["seconds"])
    peer_texts, peer = theirs(pages) if extract else (None, None)
    figure(f"main content of {what}, one thread", best["mb"] / best["seconds"], "MB/s", "trafilatura", peer, pages=best["pages"], mb=best["mb"],
           pages_per_s=round(best["pages"] / best["seconds"]), libxml2_parse_mb_per_s=round(best["mb"] / min(run["parse_seconds"] for run in runs), 1),
           peak_mb=best["peak_mb"], peer_peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000 if peer else None)
    return {row["id"]: row["text"] for row in map(json.loads, open(out))}, peer_texts


def documentation(work):
    try:
        subprocess.run([sys.executable, a.shared / "peers/corpus.py", work, "--html", a.docs, "--every", "3", "--html-every", "2"], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError:
        return print("note: no pages of documentation", file=sys.stderr)
    rows = [json.loads(line) for line in open(work / "html.jsonl", encoding="utf-8")]
    rows = rows[:: max(1, round(sum(len(r["text"].encode()) for r in rows) / (a.mb * 1e6)))]
    folder = work / "pages"
    folder.mkdir()
    for row in rows:
        (folder / f"{row['id']}.html").write_text(row["text"], encoding="utf-8")
    compare("documentation", folder, {row["id"]: row["text"] for row in rows}, work / "documentation.jsonl")


def gold(work):
    folder = a.shared / "data/extraction"
    if not folder.is_dir():
        return print("note: no ../shared/data/extraction", file=sys.stderr)
    rows = [json.loads(line) for line in gzip.open(folder / "gold.jsonl.gz", "rt")]
    pages = {row["id"]: gzip.open(folder / "html" / (row["id"] + ".html.gz")).read().decode("utf-8", "replace") for row in rows}
    texts, peer_texts = compare("news pages", folder / "html", pages, work / "news.jsonl")
    figure("main content of news pages, F1 on 4-grams of words", f1(rows, texts), "F1", "trafilatura", f1(rows, peer_texts) if peer_texts else None)


with tempfile.TemporaryDirectory() as temporary:
    documentation(pathlib.Path(temporary))
    gold(pathlib.Path(temporary))
