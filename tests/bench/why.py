"""How long `cairn why` takes for every document of a workspace (the demo's), by address and by id: one program start each. And, with
--documents N, looking one up among N made-up ones, found by each of the ways. One JSON line a figure.
Usage: why.py [--build build] [--workspace FOLDER] [--documents 1000000]"""
import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", default="build")
ap.add_argument("--workspace", help="of a curation; all of its documents are asked for")
ap.add_argument("--documents", type=int, default=1_000_000, help="made up, about 500 bytes of memory each")
a = ap.parse_args()

names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
machine = f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def line(what, value, unit):
    print(json.dumps({"what": what, "value": value, "unit": unit, "peer": None, "peer_value": None, "ratio": None, "machine": machine}), flush=True)


def run(*words):
    return subprocess.run([os.path.abspath(f"{a.build}/cairn"), *words], cwd=a.workspace, stdout=subprocess.PIPE, check=False)


if a.workspace:
    runs = json.loads(run("runs", "--json").stdout)
    documents = {}
    for each in runs:
        if each["step"] in ("curate", "mix") and each["state"] == "done":
            for document in json.loads(run("docs", str(each["run"]), "--all", "--json").stdout)["documents"]:
                documents[document["id"], document["url"]] = document
    if not documents:
        sys.exit(f"{a.workspace}: no curation has seen a document here")
    for way, name in (("address", lambda d: d["url"]), ("id", lambda d: d["id"])):
        times, processor = [], []
        for document in documents.values():
            before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            answer = run("why", name(document))
            times.append(time.perf_counter() - begin)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            if answer.returncode != 0:
                sys.exit(f"cairn why {name(document)} failed")
        for what, of in (("", sorted(times)), (", time of the processor alone", sorted(processor))):
            line(f"cairn why, by {way}, median of all {len(of)} documents{what}", round(1000 * of[len(of) // 2], 2), "ms")
            line(f"cairn why, by {way}, 99th of a hundred{what}", round(1000 * of[len(of) * 99 // 100], 2), "ms")
            line(f"cairn why, by {way}, slowest{what}", round(1000 * of[-1], 2), "ms")

with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run([f"{a.build}/tests/engine/data/bench_data", "decisions", folder, str(a.documents)], stdout=subprocess.PIPE, text=True, check=False)
if done.returncode != 0:
    sys.exit("bench_data failed; is it built?")
for text in done.stdout.splitlines():
    figure = json.loads(text)
    line(figure["what"], figure["value"], figure["unit"])
