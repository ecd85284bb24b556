"""What docs/scale.md is computed from: `cairn ingest` and `cairn curate` of a made-up corpus by one thread, by all, and by as many ranks as there are cores; within memory and
on files. One JSON line a figure: documents/s and MB/s of text, also by second of a core that was used, peak memory (with files that are mapped), bytes a document of each kind of scratch file, bytes
a document that ranks exchange, the most files that a rank had open.
All of it must give the same bytes. No peer. Usage: scale.py --build BUILD [--mb 150] [--memory 16000000]"""
import argparse, json, os, pathlib, random, subprocess, tempfile, threading, time

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--mb", type=float, default=150)
ap.add_argument("--memory", type=int, default=16_000_000, help="runtime.memory of what works on files")
a = ap.parse_args()
cairn = a.build / "cairn"
FILTERS = [{"filter": "pii"}, {"filter": "gopher_quality"}, {"filter": "gopher_repetition"}, {"filter": "fineweb_quality"}]
DUPLICATES = [{"filter": "exact_dedup"}, {"filter": "minhash"}]
SUBSTRINGS = [{"filter": "substring_dedup"}]
STOP = "the be to of and that have with".split()


def write_rows(folder, mb, rng):
    """Documents of 100 to 800 words, 3 kB on average; every fifth is a near copy of one before it. Files of 16 MB, each a group of ingest."""
    folder.mkdir()
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(20_000)]
    text_bytes = documents = files = 0
    kept = []
    while text_bytes < mb * 1e6:
        with open(folder / f"rows-{files:05d}.jsonl", "w") as out:
            files += 1
            while out.tell() < 17e6 and text_bytes < mb * 1e6:
                if documents % 5 == 4:
                    text = list(rng.choice(kept))
                    text[rng.randrange(len(text))] = "changed"
                else:
                    text = [rng.choice(STOP) if rng.random() < 0.3 else rng.choice(words) for _ in range(rng.randint(100, 800))]
                    if documents % 100 < 4:
                        kept.append(text)
                text = "\n".join(" ".join(text[i:i + 12]) + "." for i in range(0, len(text), 12))
                out.write(json.dumps({"text": text, "url": f"https://site{documents % 997}.org/{documents}"}) + "\n")
                text_bytes += len(text)
                documents += 1
    return text_bytes / 1e6, documents


class Scratch(threading.Thread):
    """The most bytes that each kind of scratch file has taken while a step runs, the most files, the most that a rank had open, and what ranks have sent each other."""
    KINDS = (("stage-", "pieces"), ("findings-", "findings"), ("known-", "findings"), ("compare-", "compared"), ("outputs", "ordered"), ("places-", "ordered"),
             ("decisions-", "decisions"), ("texts", "texts"), ("shards", "shards"), ("group-", "shards"))

    def __init__(self, workspace):
        super().__init__(daemon=True)
        self.workspace, self.most, self.files, self.sent, self.ended = workspace, {}, 0, {}, threading.Event()
        self.processes, self.open = [], 0

    def kind(self, path):
        return next((kind for name, kind in self.KINDS if any(part.startswith(name) for part in path.parts)), "other")

    def run(self):
        while not self.ended.wait(0.05):
            now, files = {}, 0
            for path in (pathlib.Path(folder) / name for folder, _, names in os.walk(self.workspace / "scratch") for name in names):
                try:
                    size = path.stat().st_size
                except OSError:  # gone meanwhile
                    continue
                files += 1
                now[self.kind(path)] = now.get(self.kind(path), 0) + size
                if ".run-" in path.name:
                    self.sent[path] = max(size, self.sent.get(path, 0))
            self.files = max(self.files, files)
            for process in list(self.processes):
                try:
                    self.open = max(self.open, len(os.listdir(f"/proc/{process}/fd")))
                except OSError:  # it has ended
                    pass
            for kind, size in now.items():
                self.most[kind] = max(self.most.get(kind, 0), size)

    def per_document(self, documents):
        return {kind: round(size / documents) for kind, size in self.most.items()}

    def sent_per_document(self, documents):
        sums = {}
        for path, size in self.sent.items():
            sums[self.kind(path)] = sums.get(self.kind(path), 0) + size
        return {kind: round(size / documents) for kind, size in sums.items()}


def step(workspace, threads, *words, ranks=1):
    """Seconds, of all cores together, peak bytes of the largest rank, scratch."""
    scratch = Scratch(workspace)
    scratch.start()
    begun, children = time.time(), []
    for rank in range(ranks):
        env = dict(os.environ, CAIRN_RANK=str(rank), CAIRN_RANKS=str(ranks), CAIRN_JOB=str(begun))
        children.append(subprocess.Popen([cairn, "-C", workspace, "-q", "--threads", str(threads), *words], env=env, stdout=subprocess.DEVNULL))
        scratch.processes.append(children[-1].pid)
    peak = cpu = 0
    for child in children:
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"{words}: failed")
        peak = max(peak, usage.ru_maxrss * 1024)
        cpu += usage.ru_utime + usage.ru_stime
    seconds = time.time() - begun
    scratch.ended.set()
    scratch.join()
    return seconds, cpu, peak, scratch


def digest(workspace, name):
    return json.loads(subprocess.run([cairn, "-C", workspace, "--json", "show", name], capture_output=True, text=True, check=True).stdout)["digest"]


with tempfile.TemporaryDirectory() as folder:
    work = pathlib.Path(folder)
    mb, documents = write_rows(work / "in", a.mb, random.Random(1))
    cores = os.cpu_count()
    source = json.dumps({"sources": [{"name": "rows", "path": str(work / "in"), "licence": "MIT", "language": "en", "retrieved": "2026-01-01T00:00:00Z"}], "shard_bytes": 8_000_000})
    digests = {}

    def fresh(name):
        subprocess.run([cairn, "-q", "init", work / name], check=True, stdout=subprocess.DEVNULL)
        return work / name

    def tell(what, how, output, workspace, seconds, cpu, peak, scratch, **more):
        same = digests.setdefault(output, digest(workspace, output)) == digest(workspace, output)
        if not same:
            raise SystemExit(f"{what}, {how}: other bytes")
        figure(f"{what}, {how}", documents / seconds, "documents/s", mb_per_s=float(f"{mb / seconds:.4g}"), mb_per_core_second=float(f"{mb / cpu:.4g}"), peak_mb=peak >> 20, scratch_bytes_per_document=scratch.per_document(documents),
               scratch_files=scratch.files, open_files=scratch.open, documents=documents, mb=round(mb, 1), **more)

    for how, threads, ranks in (("1 thread", 1, 1), (f"{cores} threads", cores, 1), (f"{cores} ranks of 1 thread", 1, cores)):
        workspace = fresh(how.replace(" ", "-"))
        tell("ingest of JSONL", how, "corpus.documents", workspace, *step(workspace, threads, "ingest", "--name", "corpus", "--config", source, ranks=ranks))
        for what, filters in (("no filter", []), ("filters", FILTERS), ("exact_dedup", DUPLICATES[:1]), ("minhash", DUPLICATES[1:]), ("substring_dedup", SUBSTRINGS), ("filters and duplicates", FILTERS + DUPLICATES)):
            for place, memory in (("within memory", 4_000_000_000), ("on files", a.memory)):
                if place == "on files" and what in ("no filter", "filters"):
                    continue
                name = what.replace(" ", "-") + ("-on-files" if place == "on files" else "")
                seconds, cpu, peak, scratch = step(workspace, threads, "curate", "--name", name, "--seed", str(len(place)), "--input", "documents=corpus", "--config", json.dumps({"filters": filters}), "--runtime",
                                              f"memory={memory}", ranks=ranks)
                tell(f"curate, {what}, {place}", how, name + ".decisions", workspace, seconds, cpu, peak, scratch, memory=memory, sent_bytes_per_document=scratch.sent_per_document(documents))
        for name in ("minhash", "substring_dedup"):
            if digests[name + ".decisions"] != digests[name + "-on-files.decisions"]:
                raise SystemExit(f"{name}: files give other bytes than memory")
