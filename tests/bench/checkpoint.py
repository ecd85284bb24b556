"""A checkpoint of a training of small-60m with AdEMAMix (weights and three moments in float32: 1 GB): its rate beside a plain write and fsync of the same
bytes in the same run, alternating; how long training stands still for it; how much slower a step is while one is written; how fast it is verified.
Prints JSON lines. Usage: checkpoint.py [--build build] [--threads 2] [--model small-60m] [--rounds 5] [--folder .] [--every 100]
Writes 2 GB under --folder, and removes them."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", default="build")
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--model", default="small-60m")
ap.add_argument("--rounds", type=int, default=5)
ap.add_argument("--folder", default=".", help="on the disk to measure")
ap.add_argument("--every", type=int, default=100, help="steps between checkpoints, for the share of the stall")
a = ap.parse_args()


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


with tempfile.TemporaryDirectory(dir=a.folder) as folder:
    done = subprocess.run([f"{a.build}/tests/bench/bench_checkpoint", str(pathlib.Path(folder) / "bench"), a.model, str(a.threads), str(a.rounds)],
                          stdout=subprocess.PIPE, text=True, check=False)
if done.returncode != 0:
    sys.exit("bench_checkpoint failed; is it built?")
r = json.loads(done.stdout.strip().splitlines()[-1])
median = {name: statistics.median(values) for name, values in r.items() if isinstance(values, list)}
mb = r["bytes"] / 1e6


def figure(what, value, unit, peer=None, peer_value=None, ratio=None, **more):
    print(json.dumps({"what": what, "value": round(value, 4), "unit": unit, "peer": peer, "peer_value": peer_value, "ratio": ratio, "machine": machine(), **more}))


figure(f"checkpoint of {mb:.0f} MB, written, hashed and synced", mb / median["checkpoint_s"], "MB/s", "plain write and fsync of the same bytes",
       round(mb / median["plain_s"], 1), round(median["plain_s"] / median["checkpoint_s"], 3), hash_mb_s=round(mb / r["hash_s"], 1),
       runs=[round(mb / s, 1) for s in r["checkpoint_s"]], peer_runs=[round(mb / s, 1) for s in r["plain_s"]])
figure(f"checkpoint of {mb:.0f} MB: training stands still, every {a.every} steps of {median['step_s']:.2f} s",
       100 * median["stall_s"] / (a.every * median["step_s"]), "% of the time", stall_s=round(median["stall_s"], 4), runs=[round(s, 4) for s in r["stall_s"]])
figure(f"checkpoint of {mb:.0f} MB: a step while it is written", median["step_while_writing_s"], "s", "a step alone", round(median["step_s"], 4),
       round(median["step_s"] / median["step_while_writing_s"], 3))
cost = median["stall_s"] + max(0.0, median["step_while_writing_s"] - median["step_s"])
figure(f"checkpoint of {mb:.0f} MB: all that it costs training, standing still and slower steps, every {a.every} steps", 100 * cost / (a.every * median["step_s"]), "% of the time")
figure(f"checkpoint of {mb:.0f} MB: verified, {r['threads']} threads", mb / median["verify_s"], "MB/s")
