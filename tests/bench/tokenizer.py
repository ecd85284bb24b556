"""Tokenizers beside HF tokenizers and tiktoken, on the same text in the same run: encoding on one thread and on --threads (the ids are compared too), and training
of byte-level BPE with the same number of threads (the merges are compared). One JSON line a figure, with the peak memory (VmHWM) of each process that trains.
With tiktoken GPT-2's ranks are measured, and ranks trained here of --vocab tokens with cl100k's pattern, the same given to both.
Usage: tokenizer.py --build BUILD [--text FILE] [--hf tokenizer.json ...] [--mb 25] [--vocab 131072] [--threads 2] [--train-text FILE] [--no-peer-train] [--only train|encode] [--shared ../shared]
Without --text the UDHR texts and Gutenberg of the shared folder are the text; without --hf its dolma2 and GPT-2-style tokenizers are used; without --train-text
all text of the shared folder is learned from. Needs the `tokenizers` and `tiktoken` packages (CAIRN_PYTHON names the Python of ./run bench); without them
the peer's part is left out, and said so."""
import argparse, gzip, json, os, pathlib, platform, subprocess, sys, tempfile, time

if "--peer-train" not in sys.argv and "--peer-encode" not in sys.argv:
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
ap.add_argument("--no-peer-train", action="store_true", help="train on our side alone: gigabytes, which take the peer an hour")
ap.add_argument("--only", choices=["train", "encode"])
ap.add_argument("--peer-train", nargs=2, metavar=("TEXT", "OUT"), help="the peer's side of training, in a process of its own")
ap.add_argument("--peer-encode", nargs=4, metavar=("KIND", "PATH", "PATTERN", "TEXT"), help="the peer's side of encoding, likewise")
ap.add_argument("--peer-ids")
a = ap.parse_args()
try:
    from tokenizers import Tokenizer
except ImportError:
    Tokenizer = None
    print("note: the `tokenizers` package is missing; only our own figure", file=sys.stderr)


def documents(path):
    """As bench_tokenizer.cpp makes them, and ../shared/peers/tokenizer.py."""
    docs, out, total = pieces(path), [], 0
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
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    print(json.dumps({"value": seconds, "peak_bytes": peak * 1024}))
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
    ours = json.loads(subprocess.run([a.build / "tests/bench/bench_bpe_trainer", text, "--vocab", str(a.vocab), "--threads", str(a.threads), "--merges", ours_merges, "--scratch", folder],
                                     check=True, capture_output=True, text=True).stdout)
    row = {"what": f"tokenizer training, byte-level BPE, vocabulary {a.vocab}, {ours['bytes'] / 1e6:.0f} MB, {a.threads} threads", "value": round(ours["value"], 2), "unit": "s",
           "counting_s": round(ours["counting_s"], 2), "distinct_words": ours["distinct_words"], "merges": ours["merges"], "peak_mb": round(ours["peak_bytes"] / 1e6)}
    if Tokenizer and not a.no_peer_train:
        import importlib.metadata
        peer = json.loads(subprocess.run([sys.executable, __file__, "--peer-train", text, their_merges, "--vocab", str(a.vocab)], check=True, capture_output=True, text=True,
                                         env=os.environ | {"RAYON_NUM_THREADS": str(a.threads), "TOKENIZERS_PARALLELISM": "true"}).stdout)
        row |= {"peer": f"tokenizers {importlib.metadata.version('tokenizers')}", "peer_value": round(peer["value"], 2), "ratio": round(peer["value"] / ours["value"], 2),
                "peer_peak_mb": round(peer["peak_bytes"] / 1e6), "same_merges": ours_merges.read_bytes() == their_merges.read_bytes()}
    print(json.dumps(row | {"machine": machine()}), flush=True)


CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def encode_of_peer(kind, path, pattern, text):
    """The peer's side of encoding, in a process of its own, for the libraries read their number of threads once: MB/s of each run, and the ids into a file."""
    docs, total = documents(text)
    if kind == "tiktoken":
        import tiktoken
        from tiktoken.load import load_tiktoken_bpe
        enc = tiktoken.Encoding("bench", pat_str=pattern, mergeable_ranks=load_tiktoken_bpe(path), special_tokens={})
        run = (lambda: [enc.encode_ordinary(d) for d in docs]) if a.threads == 1 else (lambda: enc.encode_ordinary_batch(docs, num_threads=a.threads))
    else:
        tok = Tokenizer.from_file(path)
        run = lambda: tok.encode_batch_fast(docs, add_special_tokens=False)
    rates = []
    for _ in range(max(2, a.runs // 2)):
        start = time.perf_counter()
        encoded = run()
        rates.append(total / 1e6 / (time.perf_counter() - start))
    import array
    with open(a.peer_ids, "wb") as out:
        for e in encoded:
            array.array("i", e if kind == "tiktoken" else e.ids).tofile(out)
    print(json.dumps({"value": max(rates)}))


def encoding(folder, text, path, kind, pattern="", name=None, tokenizer=None):
    """Ours and the peer's on one thread and on --threads, and how each scales."""
    import importlib.metadata
    first = None
    for threads in sorted({1, a.threads}):
        ours_ids, their_ids = pathlib.Path(folder) / "ours.ids", pathlib.Path(folder) / "theirs.ids"
        common = ["--mb", str(a.mb), "--runs", str(a.runs), "--threads", str(threads)]
        ours = json.loads(subprocess.run([a.build / "tests/bench/bench_tokenizer", tokenizer or path, text, *common, "--ids", ours_ids], check=True, capture_output=True, text=True).stdout)
        first = first or ours["value"]
        row = {"what": f"tokenizer encode, {name or path.parent.name + '/' + path.name}, {threads} thread{'s' if threads > 1 else ''}", "value": round(ours["value"], 2), "unit": "MB/s",
               "tokens": ours["tokens"], "load_s": round(ours["load_s"], 3), "times_one_thread": round(ours["value"] / first, 2)}
        try:
            version = importlib.metadata.version(kind)
        except importlib.metadata.PackageNotFoundError:
            print(f"note: the `{kind}` package is missing; only our own figure", file=sys.stderr)
            version = None
        if version:
            environment = os.environ | {"RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false"}
            peer = json.loads(subprocess.run([sys.executable, __file__, "--peer-encode", kind, path, pattern, text, "--peer-ids", their_ids, *common], check=True, capture_output=True,
                                             text=True, env=environment).stdout)
            row |= {"peer": f"{kind} {version}", "peer_value": round(peer["value"], 2), "ratio": round(ours["value"] / peer["value"], 2), "same_ids": ours_ids.read_bytes() == their_ids.read_bytes()}
        print(json.dumps(row | {"machine": machine()}), flush=True)


def trained_ranks(folder, text):
    """A vocabulary of ours as a tiktoken file, and as tekken.json, which says its pattern itself."""
    import base64
    merges, ranks, tekken = pathlib.Path(folder) / "merges", pathlib.Path(folder) / "trained.tiktoken", pathlib.Path(folder) / "tekken.json"
    subprocess.run([a.build / "tests/bench/bench_bpe_trainer", text, "--vocab", str(a.vocab), "--threads", str(a.threads), "--pattern", "cl100k", "--merges", merges, "--scratch", folder], check=True, capture_output=True)
    points = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    letters = {chr(b): b for b in points} | {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in points)}
    words = dict.fromkeys([bytes([b]) for b in range(256)] + [bytes(letters[c] for c in line.rstrip("\n").replace(" ", "")) for line in open(merges, encoding="utf-8", newline="\n")])
    words = [base64.b64encode(w).decode() for w in words]
    ranks.write_text("".join(f"{w} {i}\n" for i, w in enumerate(words)))
    tekken.write_text(json.dumps({"config": {"pattern": CL100K, "default_vocab_size": len(words), "default_num_special_tokens": 0}, "vocab": [{"rank": i, "token_bytes": w} for i, w in enumerate(words)]}))
    return ranks, tekken, len(words)


if a.peer_encode:
    encode_of_peer(*a.peer_encode)
    sys.exit()

with tempfile.TemporaryDirectory() as folder:
    if a.only != "encode":
        training(folder)
    if a.only == "train":
        sys.exit()
    text = a.text
    data = a.shared / "data"
    if text is None:
        files = sorted(data.glob("udhr/*.xml")) + sorted(data.glob("gutenberg/*.txt"))
        if not files:
            sys.exit("note: no text to measure with: give --text, or the shared folder")
        text = pathlib.Path(folder) / "text.txt"
        text.write_text("\n".join(f.read_bytes().decode("utf-8", "ignore") for f in files), encoding="utf-8", newline="\n")
    for path in a.hf or [data / "tokenizers/dolma2_tokenizer.json", data / "golden/apertus_tiny/tokenizer.json"]:
        encoding(folder, text, path, "tokenizers")
    gpt2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    encoding(folder, text, data / "tokenizers/gpt2.tiktoken", "tiktoken", gpt2, "gpt2.tiktoken")
    learned = a.train_text
    if learned is None:
        learned = pathlib.Path(folder) / "all.txt"
        if not learned.exists():
            all_text(learned)
    ranks, tekken, size = trained_ranks(folder, learned)
    encoding(folder, text, ranks, "tiktoken", CL100K, f"{size} trained tokens with cl100k's pattern", tekken)
