"""The training step (forward, backward, clip, AdamW) on two threads beside transformers in PyTorch, compiled, each precision against its like in the same
run: tiny-10m (batch 8 x 512) and small-60m (batch 4 x 512), f32 and bf16. Prints one JSON line a figure, then what eight documents in a sample cost or
save; `cairn bench train --report` shows the times of operations.
Usage: train.py [--build build] [--threads 2] [--model NAME] [--precision f32|bf16] [--steps 5] [--recompute norms] [--no-peer]
The peer is ../shared/peers/train_step.py; it needs torch and transformers in the Python that runs this script (or CAIRN_PYTHON)."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

SHAPES = {"tiny-10m": (8, 512), "small-60m": (4, 512)}
GOALS = {("tiny-10m", "f32"): 1.35, ("tiny-10m", "bf16"): 1.8, ("small-60m", "f32"): 1.15, ("small-60m", "bf16"): 1.3}
MEMORY_GOAL = 0.6  # of the peer's peak
RECOMPUTE = {"tiny-10m": "none", "small-60m": "norms+activation"}  # what the backward computes again: memory for no time that shows

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", default="build")
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--model", choices=SHAPES)
ap.add_argument("--precision", choices=["f32", "bf16"])
ap.add_argument("--steps", type=int, default=5)
ap.add_argument("--recompute", help="what Cairn's backward computes again for memory: none, norms, norms+activation, block")
ap.add_argument("--no-peer", action="store_true")
a = ap.parse_args()

source = pathlib.Path(__file__).resolve().parents[2]
peer_script = pathlib.Path(os.environ.get("CAIRN_SHARED", source / "../shared")) / "peers/train_step.py"
with_peer = not a.no_peer and peer_script.exists()


def run(command, whole=False):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout if whole else done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else None


def ours(model, precision, documents=1):
    batch, seq = SHAPES[model]
    result = run([f"{a.build}/cairn", "bench", "train", "--json", "--preset", model, "--batch", batch, "--micro-batch", batch, "--sequence-length", seq,
                  "--threads", a.threads, "--optimizer", "adamw", "--steps", a.steps, "--dtype", precision, "--documents", documents, "--recompute",
                  a.recompute or RECOMPUTE[model]], whole=True)
    return result or sys.exit("cairn bench train failed; is it built?")


def theirs(model, precision):
    batch, seq = SHAPES[model]
    return run([os.environ.get("CAIRN_PYTHON", sys.executable), peer_script, "--model", model, "--batch", batch, "--seq", seq, "--precision", precision,
                "--compile", "--optimizer", "fused", "--threads", a.threads, "--steps", a.steps])


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def compare(model, precision):
    batch, seq = SHAPES[model]
    runs = [ours(model, precision)]  # before and after the peer, so that a machine that is busy for a while slows both
    peer = theirs(model, precision) if with_peer else None
    runs.append(ours(model, precision))
    rates = [rate for r in runs for rate in r["runs"]]
    best = max(runs, key=lambda r: r["value"])
    value = statistics.median(rates)
    line = {"what": f"train step {model} batch {batch} x {seq} {precision}, {a.threads} threads", "value": round(value, 1), "unit": "tokens/s",
            "peer": None, "peer_value": None, "ratio": None, "goal": GOALS[model, precision], "machine": machine(), "isa": best["isa"], "recompute": a.recompute or RECOMPUTE[model],
            "mfu": round(best["gflops"] / best["peak_gflops"], 3), "share_of_product_peak": round(best["share_of_product_peak"], 3),
            "product_peak_gflops": round(best["product_peak_gflops"], 1), "best": round(max(rates), 1),
            "shares_of_time": {k: round(v, 3) for k, v in best["shares_of_time"].items()},
            "seconds": {k: round(v, 4) for k, v in best["seconds"].items()}, "peak_rss_mb": round(best["peak_rss_mb"], 1)}
    if peer:
        line.update(peer=f"transformers + torch {peer['version']}, compiled", peer_value=peer["value"], ratio=round(value / peer["value"], 3),
                    peer_best=max(peer["runs"]), ratio_of_best=round(max(rates) / max(peer["runs"]), 3),
                    peer_rss_mb=peer["peak_rss_mb"], memory_ratio=round(best["peak_rss_mb"] / peer["peak_rss_mb"], 3), memory_goal=MEMORY_GOAL)
    print(json.dumps(line), flush=True)


def documents(model, precision):
    batch, seq = SHAPES[model]
    plain, eight, again, once_more = ours(model, precision), ours(model, precision, 8), ours(model, precision), ours(model, precision, 8)
    median = lambda x, y: statistics.median(x["runs"] + y["runs"])
    print(json.dumps({"what": f"train step {model} batch {batch} x {seq} {precision}, 8 documents in a sample against 1", "value": round(median(eight, once_more), 1),
                      "unit": "tokens/s", "one_document": round(median(plain, again), 1), "ratio": round(median(eight, once_more) / median(plain, again), 3),
                      "goal": 1.0, "machine": machine()}), flush=True)


for model in [a.model] if a.model else SHAPES:
    for precision in [a.precision] if a.precision else ["f32", "bf16"]:
        compare(model, precision)
documents(a.model or "tiny-10m", a.precision or "f32")
