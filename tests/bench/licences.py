"""Licences found by the marks on pages and in texts: precision and recall on the table of cases (tests/golden/licences/cases.json), and how fast.
A case is found when any licence is, right when it is the one expected. One JSON line a figure.
Usage: licences.py --build BUILD [--list]. --list prints every case that comes out otherwise."""
import argparse, json, pathlib, subprocess, sys

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--list", action="store_true")
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_data"
cases = root / "tests/golden/licences/cases.json"
ran = [json.loads(line) for line in subprocess.run([program, "licences", cases], check=True, capture_output=True, text=True).stdout.splitlines()]
rate, results = ran[-1], ran[:-1]
expected = [r for r in results if r["expect"]]
found = [r for r in results if r["licence"]]
right = [r for r in expected if r["licence"] == r["expect"]]
if a.list:
    for r in results:
        if r["licence"] != r["expect"]:
            print(r, file=sys.stderr)
figure("licences: recall on the table of cases", len(right) / len(expected), "share", of=len(expected))
figure("licences: precision on the table of cases", len(right) / len(found), "share", of=len(found))
figure("licences: pages, main text, signals and licence, 1 thread", rate["mb_per_s"], "MB/s")
