"""robots.txt decisions beside Protego on the real files of ../shared, and records of a real web archive beside warcio; one thread each. One JSON
line a figure. A decision is one address under one of the 15 agents of Apertus; parsing is timed apart.
Usage: sources.py --build BUILD [--shared ../shared]. Needs protego 0.4.0 and warcio (CAIRN_PYTHON); without them the peer's part is left out."""
import argparse, json, pathlib, re, subprocess, time

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
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
    figure(f"robots decisions, {r['reading']} reading", r["agent_decisions_per_s"], "decisions/s", "protego", peer, documents_per_s=r["documents_per_s"],
           parse_mb_per_s=r["parse_mb_per_s"])
archive = a.shared / "data/warc/resiliparse/warcfile.warc.gz"
r = json.loads(subprocess.run([program, "warc", archive], check=True, capture_output=True, text=True).stdout)
figure("WARC records out of .gz", r["records_mb_per_s"], "MB/s unpacked", "warcio", warcio(archive, r["unpacked_mb"]))
figure("WARC to documents, extraction and digests included", r["documents_mb_per_s"], "MB/s unpacked")
