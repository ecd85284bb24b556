"""robots.txt decisions beside Protego on the real files of ../shared, records of a real web archive beside warcio, and documents out of JSONL.zst beside
libzstd alone on the same bytes; one thread each. One JSON line a figure, with peak memory. A decision is one address under one of the 15 agents of
Apertus; parsing is timed apart. The JSONL is the texts of ../shared, written by `zstd -3` in one frame, again and again up to --jsonl-mb.
Usage: sources.py --build BUILD [--shared ../shared]. Needs protego 0.4.0 and warcio (CAIRN_PYTHON); without them the peer's part is left out."""
import argparse, json, pathlib, re, subprocess, tempfile, time

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--jsonl-mb", type=float, default=60)
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_data"
AGENTS = json.loads((root / "assets/robots/agents.json").read_text())["lists"]["apertus-code@1"]["agents"]


def protego(folder):
    """Decisions a second, on the addresses that bench_data makes."""
    try:
        from protego import Protego
    except ImportError:
        return None
    hosts = []
    for path in sorted(folder.iterdir()):
        text = path.read_bytes().decode("utf-8", "replace")
        urls = [f"https://{path.name}{m.group(1)}some/page-{m.start()}.html?id={m.start()}" for m in re.finditer(r"llow: (/[^*$ \r\n]*)", text)][:20]
        urls += [f"https://{path.name}/articles/2024/03/{i}/a-title-of-some-words.html" for i in range(20)]
        hosts.append((Protego.parse(text), urls))
    start, decisions = time.perf_counter(), 0
    for rules, urls in hosts:
        for url in urls:
            for agent in AGENTS:
                rules.can_fetch(url, agent)
        decisions += len(urls) * len(AGENTS)
    return decisions / (time.perf_counter() - start)


def warcio(path, megabytes):
    try:
        from warcio.archiveiterator import ArchiveIterator
    except ImportError:
        return None
    start, runs = time.perf_counter(), 0
    while time.perf_counter() - start < 2:
        with open(path, "rb") as file:
            for record in ArchiveIterator(file):
                record.content_stream().read()
        runs += 1
    return megabytes * runs / (time.perf_counter() - start)


peer = protego(a.shared / "data/robots/real")
for line in subprocess.run([program, "robots", a.shared / "data/robots/real"], check=True, capture_output=True, text=True).stdout.splitlines():
    r = json.loads(line)
    figure(f"robots decisions, {r['reading']} reading", r["agent_decisions_per_s"], "decisions/s", "protego", peer, documents_per_s=r["documents_per_s"], peak_mb=r["peak_mb"],
           parse_mb_per_s=r["parse_mb_per_s"])
archive = a.shared / "data/warc/resiliparse/warcfile.warc.gz"
r = json.loads(subprocess.run([program, "warc", archive], check=True, capture_output=True, text=True).stdout)
figure("WARC records out of .gz", r["records_mb_per_s"], "MB/s unpacked", "warcio", warcio(archive, r["unpacked_mb"]), peak_mb=r["peak_mb"])
figure("WARC to documents, extraction and digests included", r["documents_mb_per_s"], "MB/s unpacked")


def write_jsonl(path):
    """Pieces of the texts of ../shared in all their languages as documents, some escaped as other writers do (\\uXXXX)."""
    texts = [p.read_text(encoding="utf-8", errors="replace") for p in sorted(a.shared.glob("data/gutenberg/*.txt"))]
    texts += [re.sub("<[^>]+>", "", p.read_text(encoding="utf-8")) for p in sorted(a.shared.glob("data/udhr/*.xml"))]
    pieces = [text[i:i + size] for n, text in enumerate(texts) for size in [2000 + 1000 * (n % 5)] for i in range(0, len(text), size)]
    lines = [json.dumps({"text": piece, "id": str(n), "metadata": {"url": f"https://example.org/{n}", "language": "en"}}, ensure_ascii=n % 8 == 0) + "\n" for n, piece in enumerate(pieces)]
    size = 0
    with open(path, "w", encoding="utf-8") as out:
        while size < a.jsonl_mb * 1e6:
            size += sum(out.write(line) for line in lines)
    subprocess.run(["zstd", "-q", "-3", "--rm", path], check=True)
    return pathlib.Path(f"{path}.zst")


def zstd_program(path, megabytes):
    """`zstd -d` on the same file, its start included; the best of five."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(["zstd", "-q", "-d", "-c", path], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return megabytes / min(seconds)


with tempfile.TemporaryDirectory() as folder:
    path = write_jsonl(pathlib.Path(folder) / "texts.jsonl")
    r = json.loads(subprocess.run([a.build / "tests/engine/data/bench_filters", "read", path], check=True, capture_output=True, text=True).stdout)
    figure("documents out of JSONL.zst", r["documents_mb_per_s"], "MB/s unpacked", "libzstd alone", r["zstd_mb_per_s"], zstd_program_mb_per_s=round(zstd_program(path, r["unpacked_mb"]), 1),
           lines_mb_per_s=r["lines_mb_per_s"], documents=r["documents"], mb=r["unpacked_mb"], packed_mb=r["packed_mb"], peak_mb=r["peak_mb"])
