"""Operations of the cpu backend, each as a share of what the machine's multiply-add rate and memory bandwidth, measured in the run, allow. Matrix products
have a script of their own, gemm.py. One JSON line a figure.
Usage: kernels.py [--build build] [--threads 2] [--rounds 3] [--type f32]"""
import argparse
import json
import os
import platform
import subprocess
import sys

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", default="build")
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--type", default="f32", choices=["f32", "bf16"])
a = ap.parse_args()


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


ours = {}
for _ in range(a.rounds):
    done = subprocess.run([f"{a.build}/tests/kernels/bench_kernels", "--json", "--threads", str(a.threads), "--type", a.type], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode != 0:
        sys.exit("bench_kernels failed; is it built?")
    for line in map(json.loads, done.stdout.splitlines()):   # the best of the rounds: what else the machine does only ever slows
        if line["what"] not in ours or line["value"] > ours[line["what"]]["value"]:
            ours[line["what"]] = line

peak = {"GFLOP/s": ours["float32 multiply-add peak"]["value"], "GB/s": ours["memory, y = a + b"]["value"]}
for what, line in ours.items():
    if not what.startswith("matmul"):
        print(json.dumps({"what": f"{what}, {a.type}, {a.threads} threads", "value": line["value"], "unit": line["unit"], "machine": machine(),
                          "of_peak": round(line["value"] / peak[line["unit"]], 3), "isa": line.get("isa")}))
