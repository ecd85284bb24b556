"""The loss of a training in 8 bits beside the same in bfloat16, on this repository's own texts; one JSON line. Fails when any hundred steps part by more than --bound.
Usage: fp8_loss.py [--cairn build/cairn] [--device cuda:0] [--steps 500] [--preset small-60m] [--sequence-length 1024] [--batch 16]"""
import argparse
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--cairn", default="build/cairn")
ap.add_argument("--device", default="cuda:0")
ap.add_argument("--steps", type=int, default=500)
ap.add_argument("--preset", default="small-60m")
ap.add_argument("--sequence-length", type=int, default=1024)
ap.add_argument("--batch", type=int, default=16)
ap.add_argument("--bound", type=float, default=0.02, help="of the mean loss of each hundred steps, relative")
a = ap.parse_args()

source = str(pathlib.Path(__file__).resolve().parents[2])
cairn = os.path.abspath(a.cairn)
training = lambda precision: {"step": "pretrain", "inputs": {"data": "shards.data", "tokenizer": "tokenizer.tokenizer"}, "runtime": {"device": a.device},
                              "config": {"model": {"preset": a.preset}, "precision": precision, "sequence_length": a.sequence_length, "batch": a.batch, "steps": a.steps}}
pipeline = {"pipeline": "fp8-loss", "seed": 3, "steps": {
    "corpus": {"step": "ingest", "config": {"sources": [{"name": "source", "path": source, "glob": ["*/**/*.cpp", "*/**/*.h", "docs/**/*.md"], "kind": "text"}]}},
    "tokenizer": {"step": "train-tokenizer", "inputs": {"documents": "corpus.documents"}, "config": {"vocab_size": 2048}},
    "shards": {"step": "pack", "inputs": {"documents": "corpus.documents", "tokenizer": "tokenizer.tokenizer"}},
    "bf16": training("bf16"), "fp8": training("fp8")}}


def windows(losses):
    parts = [losses[i:i + 100] for i in range(0, len(losses), 100)]
    return [sum(part) / len(part) for part in parts]


with tempfile.TemporaryDirectory() as folder:
    json.dump(pipeline, open(f"{folder}/p.json", "w"))
    for command in (["init", "."], ["run", "-q", "p.json"]):
        if subprocess.run([cairn, *command], cwd=folder, stdout=sys.stderr, check=False).returncode != 0:
            sys.exit(f"cairn {' '.join(command)} failed")
    files = sorted(glob.glob(f"{folder}/runs/*/metrics.jsonl"), key=os.path.getmtime)
    bf16, fp8 = [[line["loss"] for line in map(json.loads, open(file)) if "loss" in line] for file in files]
pairs = list(zip(windows(bf16), windows(fp8)))
parted = max(abs(b - f) / b for b, f in pairs)
print(json.dumps({"bench": "fp8-loss", "device": a.device, "preset": a.preset, "steps": len(fp8), "bf16": [round(b, 4) for b, _ in pairs], "fp8": [round(f, 4) for _, f in pairs], "parted": round(parted, 5), "bound": a.bound}))
sys.exit(parted > a.bound)
