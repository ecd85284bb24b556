"""Kernels of the cpu backend: the products of a tiny-10m training step beside PyTorch's (MKL/oneDNN) in the same run, alternating; then every
other operation as a share of what the machine's multiply-add rate and memory bandwidth, measured in the run, allow. One JSON line a figure.
Usage: kernels.py [--build build] [--threads 2] [--rounds 3] [--no-peer]
The peer needs torch in the Python that runs this script (or CAIRN_PYTHON)."""
import argparse
import json
import os
import platform
import re
import subprocess
import sys

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", default="build")
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--no-peer", action="store_true")
ap.add_argument("--peer", metavar="SHAPES", help=argparse.SUPPRESS)          # the child that measures torch
a = ap.parse_args()


def measure_torch(cases):
    import time

    import torch

    torch.set_num_threads(a.threads)
    for form, m, n, k in cases:
        x = torch.randn(k, m).t() if form[0] == "t" else torch.randn(m, k)
        y = torch.randn(n, k).t() if form[1] == "t" else torch.randn(k, n)
        out = torch.zeros(m, n)
        run = (lambda: out.addmm_(x, y)) if form.endswith("add") else (lambda: torch.mm(x, y, out=out))
        run()
        best, start, count = float("inf"), time.perf_counter(), 0
        while count < 5 or (time.perf_counter() - start < 0.4 and count < 200):
            begin = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - begin)
            count += 1
        print(json.dumps([form, m, n, k, 2e-9 * m * n * k / best]))
    print(json.dumps(torch.__version__))


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def lines(command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, **kwargs)
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else None


def case_of(line):
    found = re.fullmatch(r"matmul_(\w+) M (\d+) N (\d+) K (\d+)", line["what"])
    return (found[1], int(found[2]), int(found[3]), int(found[4])) if found else None


if a.peer:
    measure_torch(json.loads(a.peer))
    sys.exit()

ours, peers, version = {}, {}, None
for _ in range(a.rounds):
    measured = lines([f"{a.build}/tests/kernels/bench_kernels", "--json", "--threads", str(a.threads)])
    if measured is None:
        sys.exit("bench_kernels failed; is it built?")
    for line in measured:                                    # the best of the rounds: what else the machine does only ever slows
        if line["what"] not in ours or line["value"] > ours[line["what"]]["value"]:
            ours[line["what"]] = line
    if a.no_peer:
        continue
    cases = [case_of(line) for line in measured if case_of(line)]
    # Memory that stays and huge pages: torch at its best (../shared/peers/README.md).
    tuned = dict(os.environ, MALLOC_MMAP_THRESHOLD_=str(2**33), MALLOC_TRIM_THRESHOLD_=str(2**34), GLIBC_TUNABLES="glibc.malloc.hugetlb=1",
                 OMP_NUM_THREADS=str(a.threads), MKL_NUM_THREADS=str(a.threads))
    found = lines([os.environ.get("CAIRN_PYTHON", sys.executable), __file__, "--threads", str(a.threads), "--peer", json.dumps(cases)], env=tuned)
    if found:
        version = found.pop()
        for form, m, n, k, rate in found:
            peers[(form, m, n, k)] = max(rate, peers.get((form, m, n, k), 0))

peak = {"GFLOP/s": ours["float32 multiply-add peak"]["value"], "GB/s": ours["memory, y = a + b"]["value"]}
for what, line in ours.items():
    peer = peers.get(case_of(line))
    print(json.dumps({"what": f"{what}, f32, {a.threads} threads", "value": line["value"], "unit": line["unit"], "peer": f"torch {version}" if peer else None,
                      "peer_value": round(peer, 2) if peer else None, "ratio": round(line["value"] / peer, 3) if peer else None, "machine": machine(),
                      "of_peak": round(line["value"] / peak[line["unit"]], 3), "isa": line.get("isa")}))
