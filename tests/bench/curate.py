"""Ingest and curate beside datatrove's equivalent chain (Trafilatura, PII, Gopher quality and repetition, C4, MinHash signatures), one thread
each, same pages, in turn. One JSON line a figure.
Ours is the two steps as they run, files, compression, decisions and report included; the peer's part is its components' own functions on
pages in memory, without reading, writing or clustering. Usage: curate.py --build BUILD [--docs DIR ...] [--pages 400]
Needs datatrove with trafilatura and spacy (CAIRN_PYTHON names the Python of ./run bench); without them the peer's part is left out."""
import argparse, json, logging, os, pathlib, shutil, statistics, subprocess, sys, tempfile, time

from support.figure import figure

for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[k] = "1"
root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--docs", type=pathlib.Path, nargs="*", default=[pathlib.Path("/usr/share/doc/debian-handbook/html"), pathlib.Path("/usr/share/doc/installation-guide-amd64"),
                                                                 pathlib.Path("/usr/share/doc/debian/FAQ")])
ap.add_argument("--pages", type=int, default=400)
ap.add_argument("--runs", type=int, default=3)
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_data"
try:
    import datatrove, trafilatura
    from datatrove.data import Document
    from datatrove.utils.logging import logger
    logger.remove()
    logging.disable(logging.CRITICAL)
except ImportError as error:
    datatrove = None
    print(f"note: {error}; only our own figures", file=sys.stderr)


CHAIN = [{"filter": "pii"}, {"filter": "gopher_quality"}, {"filter": "gopher_repetition"}, {"filter": "c4"}, {"filter": "exact_dedup"}, {"filter": "minhash"}]


def ours(folder, work):
    pipeline = work / "pipeline.json"
    source = {"name": "docs", "path": str(folder), "glob": ["*.html"], "kind": "html", "language": "en", "licence": "GPL-2.0-only"}
    pipeline.write_text(json.dumps({"steps": {"corpus": {"config": {"sources": [source]}}, "clean": {"config": {"filters": CHAIN}}}}))
    lines = subprocess.run([program, "run", pipeline, work / "out", "1"], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


class Peer:
    def __init__(self):
        from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
        from datatrove.pipeline.extractors import Trafilatura
        from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter, GopherRepetitionFilter
        from datatrove.pipeline.formatters import PIIFormatter
        self.extractor, self.pii = Trafilatura(), PIIFormatter()
        self.filters = [GopherQualityFilter(), GopherRepetitionFilter(), C4QualityFilter()]
        self.minhash = MinhashDedupSignature(tempfile.mkdtemp(), config=MinhashConfig())

    def one(self, page):
        try:
            text = self.extractor.extract(page)
        except Exception:
            text = ""
        if not text:
            return False
        document = Document(text=self.pii.format(text), id="0")
        for f in self.filters:
            result = f.filter(document)
            if result is not True:
                return False
        shingles = self.minhash.get_shingles(document.text)
        if shingles.size:
            self.minhash.get_signature(shingles)
        return True


def curation(work):
    files = sorted(p for d in a.docs if d.is_dir() for p in d.rglob("*.html"))
    if not files:
        print("note: no pages under --docs; install debian-handbook, installation-guide-amd64, debian-faq", file=sys.stderr)
        return
    files = files[:: max(1, len(files) // a.pages)]
    folder = work / "pages"
    folder.mkdir()
    for i, path in enumerate(files):
        shutil.copyfile(path, folder / f"{i:05d}.html")
    pages = [p.read_text(encoding="utf-8", errors="replace") for p in sorted(folder.iterdir())]
    peer = Peer() if datatrove else None
    if peer:
        for page in pages[:3]:
            peer.one(page)
    mine, theirs, kept = [], [], 0
    for _ in range(a.runs):
        steps = ours(folder, work)
        mine.append(len(pages) / sum(step["seconds"] for step in steps))
        if peer:
            start = time.perf_counter()
            kept = sum(peer.one(page) for page in pages)
            theirs.append(len(pages) / (time.perf_counter() - start))
    figure("ingest + curate, one thread", statistics.median(mine), "documents/s", "datatrove " + datatrove.__version__ if peer and hasattr(datatrove, "__version__") else "datatrove" if peer else None,
           statistics.median(theirs) if theirs else None, pages=len(pages), mb=round(sum(map(len, pages)) / 1e6, 1), summary=steps[-1]["summary"], peak_mb=max(step["peak_mb"] for step in steps), peer_kept=kept if peer else None)


with tempfile.TemporaryDirectory() as temporary:
    curation(pathlib.Path(temporary))
