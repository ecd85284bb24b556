"""Matrix products of the cpu backend: 2048^3 and those of a training step of tiny-10m and small-60m (forward, gradients of input and weights),
float32 beside numpy's OpenBLAS and torch, bfloat16 beside torch's oneDNN, in the same run and alternating. One JSON line a figure; of_peak is the share of
the multiply-add peak measured in the run (bfloat16: twice the float32 one, which is what a dot-product instruction of pairs does).
Usage: gemm.py [--build build] [--threads 2] [--rounds 3]
The peers need numpy and torch in the Python that runs this script (or CAIRN_PYTHON)."""
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
ap.add_argument("--peer", metavar="PRODUCTS", help=argparse.SUPPRESS)        # the child that measures the peers
a = ap.parse_args()


def best_rate(run, flops):
    import time

    run()
    best, start, count = float("inf"), time.perf_counter(), 0
    while count < 5 or (time.perf_counter() - start < 0.3 and count < 300):
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
        count += 1
    return flops / best * 1e-9


def measure_peers(products):
    import numpy
    import torch

    torch.set_num_threads(a.threads)
    for form, m, n, k in products:                       # without accumulation, which spares the peers a pass over the result
        x = torch.randn(k, m).t() if form[0] == "t" else torch.randn(m, k)
        y = torch.randn(n, k).t() if form[1] == "t" else torch.randn(k, n)
        out, flops = torch.zeros(m, n), 2 * m * n * k
        rates = {"f32": {"OpenBLAS": best_rate(lambda: numpy.matmul(x.numpy(), y.numpy(), out=out.numpy()), flops),
                         "torch": best_rate(lambda: torch.mm(x, y, out=out), flops)}}
        narrow_x, narrow_y, narrow_out = x.bfloat16(), y.bfloat16(), out.bfloat16()
        rates["bf16"] = {"torch": best_rate(lambda: torch.mm(narrow_x, narrow_y, out=narrow_out), flops)}
        print(json.dumps([form, m, n, k, rates]))
    print(json.dumps({"OpenBLAS": f"numpy {numpy.__version__} (OpenBLAS)", "torch": f"torch {torch.__version__}"}))


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def lines(command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, **kwargs)
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else None


if a.peer:
    measure_peers(json.loads(a.peer))
    sys.exit()

ours, peers, versions, peak = {}, {}, {}, 0
for _ in range(a.rounds):                                # the best of the rounds: what else the machine does only ever slows
    measured = lines([f"{a.build}/tests/bench/bench_gemm", "--threads", str(a.threads), "--seconds", "0.3"])
    if measured is None:
        sys.exit("bench_gemm failed; is it built?")
    peak = max(peak, measured.pop()["peak_f32"])
    for line in measured:
        key = (line["form"], line["M"], line["N"], line["K"], line["type"])
        if key not in ours or line["gflops"] > ours[key]["gflops"]:
            ours[key] = line
    # Memory that stays and huge pages: torch at its best (../shared/peers/README.md).
    tuned = dict(os.environ, MALLOC_MMAP_THRESHOLD_=str(2**33), MALLOC_TRIM_THRESHOLD_=str(2**34), GLIBC_TUNABLES="glibc.malloc.hugetlb=1",
                 OMP_NUM_THREADS=str(a.threads), MKL_NUM_THREADS=str(a.threads), OPENBLAS_NUM_THREADS=str(a.threads))
    products = [key[:4] for key in ours if key[4] == "f32"]
    found = lines([os.environ.get("CAIRN_PYTHON", sys.executable), __file__, "--threads", str(a.threads), "--peer", json.dumps(products)], env=tuned)
    if found:
        versions = found.pop()
        for form, m, n, k, rates in found:
            for dtype, by_peer in rates.items():
                for peer, rate in by_peer.items():
                    key = (form, m, n, k, dtype, peer)
                    peers[key] = max(rate, peers.get(key, 0))

for key, line in ours.items():
    form, m, n, k, dtype = key
    of_peak = line["gflops"] / peak / (2 if dtype == "bf16" else 1)
    for peer in (["OpenBLAS", "torch"] if dtype == "f32" else ["torch"]):
        rate = peers.get((*key, peer))
        print(json.dumps({"what": f"matmul_{form} M {m} N {n} K {k}, {dtype}, {a.threads} threads", "value": line["gflops"], "unit": "GFLOP/s",
                          "peer": versions.get(peer), "peer_value": round(rate, 1) if rate else None,
                          "ratio": round(line["gflops"] / rate, 3) if rate else None, "machine": machine(), "of_peak": round(of_peak, 3),
                          "peak_f32": peak, "isa": line["isa"]}))
