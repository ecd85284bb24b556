"""Matching blocks by Python's difflib, and decisions of datatrove's n-gram decontamination (12 words), for decontaminate_test.cpp.
Documents are the questions of ../shared/data/eval/gsm8k/test_socratic.jsonl, whose every k-th word is "Nothing"; the index has every other question of test.jsonl.
Usage: make_decontaminate.py SHARED > decontaminate.json   (needs datatrove[processing] and spacy)"""
import difflib, json, random, sys

from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontIndexer
from datatrove.utils.hashing import create_hash_func
from datatrove.utils.text import simplify_text
from datatrove.utils.word_tokenizers import load_word_tokenizer

rng = random.Random(5)
blocks = []
for n in range(60):
    alphabet = rng.choice((2, 4, 20))
    a, b = ([rng.randrange(alphabet) for _ in range(rng.randrange(0, 60))] for _ in range(2))
    if n % 3 == 0 and a:
        i = rng.randrange(len(a))
        b = b[:5] + a[i:i + 12] + b[5:]
    found = difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()[:-1]
    blocks.append({"a": a, "b": b, "blocks": [list(x) for x in found]})

folder = sys.argv[1] + "/data/eval/gsm8k/"
config = NGramsDecontConfig()
indexer = object.__new__(NGramsDecontIndexer)  # its constructor wants lighteval, which only its own tasks need
indexer.config, indexer.tokenizer, indexer.hash_func = config, load_word_tokenizer("en"), create_hash_func(config.hash_config)
index = set()
for i, line in enumerate(open(folder + "test.jsonl")):
    if i % 2 == 0:
        index.update(indexer.compute_hashes(json.loads(line)["question"]))
decisions = {}
rows = [json.loads(line)["question"] for line in open(folder + "test_socratic.jsonl")][:300]
for k in (5, 12, 13, 14, 25, 1000):
    hits = ""
    for text in rows:
        words = text.split(" ")
        text = " ".join("Nothing" if i % k == k - 1 else w for i, w in enumerate(words))
        tokens = indexer.tokenizer.word_tokenize(simplify_text(text, config.norm_config))
        grams = [" ".join(tokens[i:i + config.n_grams]) for i in range(len(tokens) - config.n_grams + 1)]
        hits += "01"[any(indexer.hash_func(g) in index for g in grams)]
    decisions[str(k)] = hits
json.dump({"n_grams": config.n_grams, "blocks": blocks, "decisions": decisions}, sys.stdout, separators=(",", ":"))
