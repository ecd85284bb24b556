"""Tokenizer encoding beside HF tokenizers, one thread, same text, same tokenizer.json, in turn; the ids are compared too. One JSON line a figure.
Usage: tokenizer.py --build BUILD [--text FILE] [--hf tokenizer.json ...] [--mb 25] [--shared ../shared]
Without --text the UDHR texts and Gutenberg of the shared folder are the text; without --hf its dolma2 and GPT-2-style tokenizers are used.
Needs the `tokenizers` package (CAIRN_PYTHON names the Python of ./run bench); without it the peer's part is left out, and said so."""
import argparse, json, os, pathlib, platform, subprocess, sys, tempfile, time

os.environ["TOKENIZERS_PARALLELISM"], os.environ["RAYON_NUM_THREADS"] = "false", "1"
root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--text", type=pathlib.Path)
ap.add_argument("--hf", type=pathlib.Path, nargs="*")
ap.add_argument("--mb", type=float, default=25)
ap.add_argument("--runs", type=int, default=5)
a = ap.parse_args()
try:
    from tokenizers import Tokenizer
except ImportError:
    Tokenizer = None
    print("note: the `tokenizers` package is missing; only our own figure", file=sys.stderr)


def documents(path):
    """As bench_tokenizer.cpp makes them, and ../shared/peers/tokenizer.py."""
    docs, cur, size = [], [], 0
    for line in open(path, encoding="utf-8", newline="\n"):
        cur.append(line)
        size += len(line)
        if size > 10000:
            docs.append("".join(cur))
            cur, size = [], 0
    docs.append("".join(cur))
    out, total = [], 0
    while total < a.mb * 1e6:
        for d in docs:
            out.append(d)
            total += len(d.encode())
            if total >= a.mb * 1e6:
                break
    return out, total


def machine():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return f"{line.split(':')[1].strip()} x {os.cpu_count()}"
    return platform.machine()


with tempfile.TemporaryDirectory() as folder:
    text = a.text
    if text is None:
        data = a.shared / "data"
        files = sorted(data.glob("udhr/*.xml")) + sorted(data.glob("gutenberg/*.txt"))
        if not files:
            sys.exit("note: no text to measure with: give --text, or the shared folder")
        text = pathlib.Path(folder) / "text.txt"
        text.write_text("\n".join(f.read_bytes().decode("utf-8", "ignore") for f in files), encoding="utf-8", newline="\n")
    for path in a.hf or [a.shared / "data/tokenizers/dolma2_tokenizer.json", a.shared / "data/golden/apertus_tiny/tokenizer.json"]:
        ids_file = pathlib.Path(folder) / "ids"
        ours = json.loads(subprocess.run([a.build / "tests/bench/bench_tokenizer", path, text, "--mb", str(a.mb), "--runs", str(a.runs), "--ids", ids_file],
                                         check=True, capture_output=True, text=True).stdout)
        row = {"what": f"tokenizer encode, {path.parent.name}/{path.name}, one thread", "value": round(ours["value"], 2), "unit": "MB/s", "tokens": ours["tokens"], "load_s": round(ours["load_s"], 3)}
        if Tokenizer:
            import array, importlib.metadata
            tok = Tokenizer.from_file(str(path))
            docs, total = documents(text)
            rates = []
            for _ in range(max(2, a.runs // 2)):
                start = time.perf_counter()
                encoded = tok.encode_batch_fast(docs, add_special_tokens=False)
                rates.append(total / 1e6 / (time.perf_counter() - start))
            ids = array.array("i")
            ids.frombytes(ids_file.read_bytes())
            theirs = array.array("i", (i for e in encoded for i in e.ids))
            best = max(rates)
            row |= {"peer": f"tokenizers {importlib.metadata.version('tokenizers')}", "peer_value": round(best, 2), "ratio": round(ours["value"] / best, 2), "same_ids": ids == theirs}
        print(json.dumps(row | {"machine": machine()}), flush=True)
