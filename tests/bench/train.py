"""Training step of the tiny Apertus (about 10M parameters, batch 8 x 512, float32, AdamW) on two threads: this program against transformers in PyTorch,
compiled, in the same run. Prints one JSON line; the table of times per operation goes to standard error.
Usage: train.py [--build build] [--threads 2] [--model tiny-10m] [--batch 8] [--seq 512] [--no-peer]
The peer is ../shared/peers/train_step.py; it needs torch and transformers in the Python that runs this script (or CAIRN_PYTHON)."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", default="build")
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--model", default="tiny-10m")
ap.add_argument("--batch", type=int, default=8)
ap.add_argument("--seq", type=int, default=512)
ap.add_argument("--no-peer", action="store_true")
a = ap.parse_args()

source = pathlib.Path(__file__).resolve().parents[2]
peer_script = pathlib.Path(os.environ.get("CAIRN_SHARED", source / "../shared")) / "peers/train_step.py"


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else None


def ours():
    return run([f"{a.build}/tests/bench/bench_train", a.model, str(a.batch), str(a.seq), str(a.threads), "5"])


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


# Before and after the peer, so that a machine that is busy for a while slows both.
runs = [ours()]
peer = None
if not a.no_peer and peer_script.exists():
    peer = run([os.environ.get("CAIRN_PYTHON", sys.executable), str(peer_script), "--model", a.model, "--batch", str(a.batch), "--seq", str(a.seq),
                "--precision", "f32", "--compile", "--threads", str(a.threads)])
    runs.append(ours())
if None in runs:
    sys.exit("bench_train failed; is it built?")
rates = [rate for r in runs for rate in r["runs"]]
value = statistics.median(rates)
best = max(runs, key=lambda r: r["value"])
line = {"what": f"train step {a.model} batch {a.batch} x {a.seq} f32, {a.threads} threads", "value": round(value, 1), "unit": "tokens/s",
        "peer": None, "peer_value": None, "ratio": None, "machine": machine(), "isa": best["isa"], "mfu": round(best["mfu"], 3),
        "peak_gflops": round(best["peak_gflops"], 1), "model_s": round(best["model_s"], 4), "optimizer_s": round(best["optimizer_s"], 4), "best": round(max(rates), 1)}
if peer:
    line.update(peer=f"transformers + torch {peer['version']}, compiled", peer_value=peer["value"], ratio=round(value / peer["value"], 3),
                peer_best=max(peer["runs"]), ratio_of_best=round(max(rates) / max(peer["runs"]), 3))
print(json.dumps(line))
