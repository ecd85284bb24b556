"""Tokenizers beside HF tokenizers and tiktoken, on the same text in the same run: encoding on one thread (the ids are compared too), and training of
byte-level BPE with the same number of threads (the merges are compared). One JSON line a figure, with the peak memory of each process that trains.
Usage: tokenizer.py --build BUILD [--text FILE] [--hf tokenizer.json ...] [--mb 25] [--vocab 131072] [--threads 2] [--train-text FILE] [--shared ../shared]
Without --text the UDHR texts and Gutenberg of the shared folder are the text; without --hf its dolma2 and GPT-2-style tokenizers are used; without --train-text
all text of the shared folder is learned from. Needs the `tokenizers` and `tiktoken` packages (CAIRN_PYTHON names the Python of ./run bench); without them
the peer's part is left out, and said so."""
import argparse, gzip, json, os, pathlib, platform, resource, subprocess, sys, tempfile, time

if "--peer-train" not in sys.argv:
    os.environ["TOKENIZERS_PARALLELISM"], os.environ["RAYON_NUM_THREADS"] = "false", "1"
root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--text", type=pathlib.Path)
ap.add_argument("--hf", type=pathlib.Path, nargs="*")
ap.add_argument("--mb", type=float, default=25)
ap.add_argument("--runs", type=int, default=5)
ap.add_argument("--vocab", type=int, default=131072)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--train-text", type=pathlib.Path)
ap.add_argument("--peer-train", nargs=2, metavar=("TEXT", "OUT"), help="the peer's side of training, in a process of its own")
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


def pieces(path):
    """As bench_bpe_trainer.cpp makes them."""
    docs, cur, size = [], [], 0
    for line in open(path, encoding="utf-8", newline="\n"):
        cur.append(line)
        size += len(line)
        if size > 10000:
            docs.append("".join(cur))
            cur, size = [], 0
    docs.append("".join(cur))
    return docs


if a.peer_train:
    from tokenizers import models, pre_tokenizers, trainers
    docs = pieces(a.peer_train[0])
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    start = time.perf_counter()
    tok.train_from_iterator(docs, trainers.BpeTrainer(vocab_size=a.vocab, show_progress=False, special_tokens=[], min_frequency=1, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    seconds = time.perf_counter() - start
    pathlib.Path(a.peer_train[1]).write_text("".join(f"{l} {r}\n" for l, r in json.loads(tok.to_str())["model"]["merges"]), encoding="utf-8")
    print(json.dumps({"value": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
    sys.exit()


def all_text(path):
    """Whatever text the shared folder has, for a vocabulary of some size."""
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for file in sorted(a.shared.rglob("*")):
            suffixes = file.suffixes[-2:]
            if not file.is_file() or not set(suffixes) & {".txt", ".md", ".xml", ".htm", ".html", ".json", ".jsonl", ".csv", ".py", ".yaml", ".yml", ".dat"}:
                continue
            try:
                data = gzip.decompress(file.read_bytes()) if suffixes[-1] == ".gz" else file.read_bytes()
            except OSError:
                continue
            if suffixes[-1] not in (".zst", ".bin"):
                out.write(data.decode("utf-8", "ignore").replace("\r", "") + "\n")


def training(folder):
    text = a.train_text
    if text is None:
        text = pathlib.Path(folder) / "all.txt"
        all_text(text)
    ours_merges, their_merges = pathlib.Path(folder) / "ours", pathlib.Path(folder) / "theirs"
    ours = json.loads(subprocess.run([a.build / "tests/bench/bench_bpe_trainer", text, "--vocab", str(a.vocab), "--threads", str(a.threads), "--merges", ours_merges],
                                     check=True, capture_output=True, text=True).stdout)
    row = {"what": f"tokenizer training, byte-level BPE, vocabulary {a.vocab}, {ours['bytes'] / 1e6:.0f} MB, {a.threads} threads", "value": round(ours["value"], 2), "unit": "s",
           "distinct_words": ours["distinct_words"], "merges": ours["merges"], "peak_mb": round(ours["peak_bytes"] / 1e6)}
    if Tokenizer:
        import importlib.metadata
        peer = json.loads(subprocess.run([sys.executable, __file__, "--peer-train", text, their_merges, "--vocab", str(a.vocab)], check=True, capture_output=True, text=True,
                                         env=os.environ | {"RAYON_NUM_THREADS": str(a.threads), "TOKENIZERS_PARALLELISM": "true"}).stdout)
        row |= {"peer": f"tokenizers {importlib.metadata.version('tokenizers')}", "peer_value": round(peer["value"], 2), "ratio": round(peer["value"] / ours["value"], 2),
                "peer_peak_mb": round(peer["peak_bytes"] / 1e6), "same_merges": ours_merges.read_bytes() == their_merges.read_bytes()}
    print(json.dumps(row | {"machine": machine()}), flush=True)


def beside_tiktoken(text, folder):
    ranks, ids_file = a.shared / "data/tokenizers/gpt2.tiktoken", pathlib.Path(folder) / "ids"
    ours = json.loads(subprocess.run([a.build / "tests/bench/bench_tokenizer", ranks, text, "--mb", str(a.mb), "--runs", str(a.runs), "--ids", ids_file],
                                     check=True, capture_output=True, text=True).stdout)
    row = {"what": "tokenizer encode, gpt2.tiktoken, one thread", "value": round(ours["value"], 2), "unit": "MB/s", "tokens": ours["tokens"], "load_s": round(ours["load_s"], 3)}
    try:
        import array, importlib.metadata, tiktoken
        from tiktoken.load import load_tiktoken_bpe
        enc = tiktoken.Encoding("gpt2", pat_str=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", mergeable_ranks=load_tiktoken_bpe(str(ranks)), special_tokens={"<|endoftext|>": 50256})
        docs, total = documents(text)
        rates = []
        for _ in range(max(2, a.runs // 2)):
            start = time.perf_counter()
            encoded = [enc.encode_ordinary(d) for d in docs]
            rates.append(total / 1e6 / (time.perf_counter() - start))
        ids = array.array("i")
        ids.frombytes(ids_file.read_bytes())
        row |= {"peer": f"tiktoken {importlib.metadata.version('tiktoken')}", "peer_value": round(max(rates), 2), "ratio": round(ours["value"] / max(rates), 2),
                "same_ids": ids == array.array("i", (i for e in encoded for i in e))}
    except ImportError:
        print("note: the `tiktoken` package is missing; only our own figure", file=sys.stderr)
    print(json.dumps(row | {"machine": machine()}), flush=True)


with tempfile.TemporaryDirectory() as folder:
    training(folder)  # first: a process starts with the peak of the one that started it
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
    beside_tiktoken(text, folder)
