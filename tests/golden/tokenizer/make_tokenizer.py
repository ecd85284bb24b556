"""Goldens of the `tokenizers` library (0.23.3) for tests/engine/text.
  cases.json    small tokenizers, one for each feature that we read, and the ids they give for awkward texts:
                "ids" as the library encodes, "as_text" with encode_special_tokens; "decoded" of ids with special tokens left out
  corpora.json  number of tokens and SHA-256 of the ids (int32, little-endian) of real texts under ../shared/data
  merges.json   what the library's BpeTrainer learns from some of the UDHR texts
Usage: make_tokenizer.py SHARED OUT"""
import hashlib, json, pathlib, struct, sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

shared, out = pathlib.Path(sys.argv[1]) / "data", pathlib.Path(sys.argv[2])

UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
END = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"


def tekken(digits, tail, suffix=""):
    head = r"[^\r\n\p{L}\p{N}]?"
    return f"{head}{UPPER}*{LOWER}+{suffix}|{head}{UPPER}+{LOWER}*{suffix}|{digits}" + r"| ?[^\s\p{L}\p{N}]+" + tail + END


def cl100k(digits):
    return CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n]*" + END


APERTUS = tekken(r"\p{N}", r"[\r\n/]*")
byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def split(regex, behavior="isolated", invert=False):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), behavior, invert), byte_level])


TEXTS = [
    "", " ", "a", "Hello, world!", "  leading and   inner  spaces \t\ttabs\n\n\nlines\r\n end  ", "I'm you're they'LL we've he'd SHE'S it't 'tis 's",
    "'\u017fhort \u017ft", "camelCaseAndHTTPServer XMLHttpRequest iPhone McDonald", "12345 3.14159 1/2 \u00bd \u0663\u0664\u0665 \u2167",
    "path/to//file.txt\nhttps://example.org/a?b=c#d\n///\r\n", "Gr\u00fcezi mitenand! Z\u00fcrich \u00c9COLE \u01c5 \u02b0a A\u0301e\u0301 \u0301x \u0301\u0301",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3067\u3059\u3002\u4e2d\u6587\u5b57\u7b26", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940 \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e8\U0001f1ed", "nbsp\u00a0here \u2003em \u3000ideographic\u2028line \u0085nel \u180emvs",
    "if (x != y) {\n\treturn  x->y[3] ** 2;   // note\n}\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the the the theoretically thethethethethethethethethethethethethethethethethethethethethethethethe", "\x00\x01\x7f control", "  \n  \n x", "a \n", "\n\n a",
    "<s>begin</s> text<s></s>", "<|user_start|>Hi<|user_end|> <|user_start| > <|user_", "left  <lstrip>  right", "left <rstrip>  \n right", "a <both> b <both><both> c",
    "word<single>word <single> (<single>) <single>, \u00e9<single> _<single> 9<single>", "<email-pii> and <email-pii>s", "<norm>al <norm>", "<|a|><|a|b|><|a", "\u00ff\u0100\u0120",
    "ABCdefGHI JKLmnoPQR \u0391\u0392\u0393\u03b1\u03b2 \u1e9e\u00df", "x\u0300y \u0300 z'\u0300s", "\u1d43\u1d47C\u1d48 ABC\u1d43 \u1d43BC", "don\u2019t \u201cquoted\u201d \u2014 dash\u2026",
]
SEED = ["the quick brown fox jumps over the lazy dog. The theory of the thing, then there. Hello, hello world!\n\n    return x;\n", "Gr\u00fcezi Z\u00fcrich \u65e5\u672c\u8a9e the aaaa aaaa 123 123\r\n"] * 8
ADDED = [AddedToken("<s>", special=True, normalized=False), AddedToken("</s>", special=True, normalized=False), AddedToken("<|user_start|>", special=True, normalized=False),
         AddedToken("<|user_end|>", special=True, normalized=False), AddedToken("<email-pii>", special=False, normalized=False),
         AddedToken("<lstrip>", lstrip=True, special=True, normalized=False), AddedToken("<rstrip>", rstrip=True, special=False, normalized=False),
         AddedToken("<both>", lstrip=True, rstrip=True, special=False, normalized=False), AddedToken("<single>", single_word=True, special=False, normalized=False),
         AddedToken("<norm>", special=False, normalized=True), AddedToken("<|a|>", special=False, normalized=False), AddedToken("<|a|b|>", special=True, normalized=False)]


def train(pre_tokenizer, added=(), vocab=330, unknown=None, alphabet=True, ignore_merges=False, **options):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges, unk_token=unknown, **options))
    tok.pre_tokenizer = pre_tokenizer
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(SEED, trainers.BpeTrainer(vocab_size=vocab, show_progress=False, special_tokens=[unknown] if unknown else [],
                                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet else []))
    special = [t for t in added if t.special]
    tok.add_tokens([t for t in added if not t.special])
    tok.add_special_tokens(special)
    return tok


def whole_words(tok):
    """Adds to the vocabulary a word that no merges give, for ignore_merges."""
    spec = json.loads(tok.to_str())
    spec["model"]["vocab"]["\u0120theoretically"] = len(spec["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(spec))


byte_regex = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
MADE = {
    "gpt2": train(byte_regex),
    "gpt2, added tokens": train(byte_regex, ADDED),
    "gpt2, space in front": train(pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True), ADDED[:6]),
    "apertus": train(split(APERTUS), ADDED[:5]),
    "apertus without tail": train(split(tekken(r"\p{N}", ""))),
    "o200k": train(split(tekken(r"\p{N}{1,3}", r"[\r\n/]*", CONTRACTION + "?"))),
    "cl100k": train(split(cl100k(r"\p{N}{1,3}"), "removed", True)),
    "qwen2": train(split(cl100k(r"\p{N}"))),
    "whole words": whole_words(train(split(cl100k(r"\p{N}")), ignore_merges=True)),
    "unknown pattern": train(split(r"\p{L}+|\p{N}|[^\s\w]+|\s+")),
    "unknown pattern, removed": train(split(r"\s+", "removed")),
    "merged with previous": train(split(r"[\s,]", "merged_with_previous")),
    "merged with next": train(split(r"[\s,]", "merged_with_next")),
    "contiguous": train(split(r"[\s,]", "contiguous")),
    "digits": train(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_regex])),
    "digit runs": train(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), byte_regex])),
    "string": train(pre_tokenizers.Sequence([pre_tokenizers.Split("e", "isolated"), byte_level])),
    "space between stages": train(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\s+"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)])),
    "unknown bytes": train(byte_regex, vocab=60, unknown="<unk>", alphabet=False),
    "unknown bytes, fused": train(byte_regex, vocab=60, unknown="<unk>", alphabet=False, fuse_unk=True),
    "bytes left out": train(byte_regex, vocab=60, alphabet=False),
}


def ids_of(tok, text, as_text=False):
    tok.encode_special_tokens = as_text
    ids = tok.encode(text, add_special_tokens=False).ids
    tok.encode_special_tokens = False
    return ids


cases = []
for name, tok in MADE.items():
    rows = [[ids_of(tok, t), ids_of(tok, t, True), tok.decode(ids_of(tok, t), skip_special_tokens=True)] for t in TEXTS]
    cases.append({"name": name, "tokenizer": json.loads(tok.to_str()), "rows": rows})
with open(out / "cases.json", "w", encoding="utf-8") as f:
    f.write('{"texts": ' + json.dumps(TEXTS) + ',\n "cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")

FILES = sorted(shared.glob("udhr/*.xml")) + sorted(shared.glob("gutenberg/*.txt")) + sorted(shared.glob("gutenberg/*.htm"))
corpora = {}
for name, tok in {"dolma2": Tokenizer.from_file(str(shared / "tokenizers/dolma2_tokenizer.json")),
                  "tiny": Tokenizer.from_file(str(shared / "golden/apertus_tiny/tokenizer.json")), "apertus": MADE["apertus"], "o200k": MADE["o200k"]}.items():
    corpora[name] = {}
    for path in FILES:
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        ids = tok.encode(text, add_special_tokens=False).ids
        corpora[name][str(path.relative_to(shared))] = [len(ids), hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()]
(out / "corpora.json").write_text(json.dumps(corpora, indent=0) + "\n")

TRAIN = ["udhr/udhr_eng.xml", "udhr/udhr_deu_1996.xml", "udhr/udhr_jpn.xml", "udhr/udhr_roh_rumgr.xml", "udhr/udhr_tha.xml", "udhr/udhr_rus.xml"]
merges = {"files": TRAIN, "special": ["<unk>", "<s>", "</s>", "<pad>"], "vocab_size": 900, "patterns": {}}
for name, pre in {"gpt2": byte_regex, "apertus": split(APERTUS)}.items():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre
    tok.train_from_iterator([(shared / f).read_text(encoding="utf-8") for f in TRAIN],
                            trainers.BpeTrainer(vocab_size=merges["vocab_size"], show_progress=False, special_tokens=merges["special"],
                                                initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    merges["patterns"][name] = json.loads(tok.to_str())["model"]["merges"]
(out / "merges.json").write_text(json.dumps(merges, separators=(",", ":")) + "\n")
