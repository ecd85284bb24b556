"""What a training reads: a million samples indexed and ordered, batches a second, and how long a step of tiny-10m waits for its batch. One JSON line a figure.
Usage: loader.py [--build build] [--documents 1000001] [--threads 2]"""
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", default="build")
ap.add_argument("--documents", type=int, default=1_000_001, help="of 128 tokens: one sample each")
ap.add_argument("--threads", type=int, default=2)
a = ap.parse_args()

names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
machine = f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run([f"{a.build}/tests/bench/bench_loader", folder, str(a.documents), str(a.threads)], stdout=subprocess.PIPE, text=True, check=False)
if done.returncode != 0:
    sys.exit("bench_loader failed; is it built?")
for line in done.stdout.splitlines():
    print(json.dumps({**json.loads(line), "peer": None, "peer_value": None, "ratio": None, "machine": machine}))
