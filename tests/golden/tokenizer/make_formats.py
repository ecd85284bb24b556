"""Goldens of sentencepiece (0.2.3), tiktoken (0.14) and mistral-common (1.13) -> formats.json: small models made here (in base64), and for each
  rows   of awkward texts: ids and decoded text (null where ids hold an unknown token, which the libraries show as " ?? ")
  files  of all UDHR texts: number of tokens and first 16 digits of the SHA-256 of the ids (int32, little-endian)
and "files" for the real files under ../shared/data/tokenizers.
Usage: make_formats.py SHARED OUT"""
import base64, hashlib, json, pathlib, re, struct, sys, tempfile

import sentencepiece as spm
import tiktoken
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from sentencepiece import sentencepiece_model_pb2 as pb
from tiktoken.load import load_tiktoken_bpe
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

shared, out = pathlib.Path(sys.argv[1]) / "data", pathlib.Path(sys.argv[2])
UDHR = {p.name: p.read_text(encoding="utf-8") for p in sorted(shared.glob("udhr/*.xml"))}
SEED = [re.sub(r"<[^>]*>", " ", UDHR[f"udhr_{n}.xml"])[:6000] for n in ["eng", "deu_1996", "fra", "roh", "rus", "tur"]]
TEXTS = json.loads((out / "kinds.json").read_text(encoding="utf-8"))["texts"] + ["x[INST]y  [INST] z", "tool<|t|>tool <|t|>", "caf\u00e9 cafe\u0301 \ufb01n \uff21\uff22", "\u0915\u094d\u0937 \u0ba8\u0bbf"]
RULES = {"\u00c9": "E", "e\u0301": "\u00e9", "\ufb01": "fi", "\ufb03": "ffi", "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\uff21": "A", "\uff22": "B", "\u200b": "", "\u30ab\u3099": "\u30ac", "\u00bd": "1\u20442", "\U0001f600": ":)"}
work = tempfile.TemporaryDirectory()
folder = pathlib.Path(work.name)


def sentencepiece(**options):
    text, tsv = folder / "text.txt", folder / "rules.tsv"
    text.write_text("\n".join(SEED), encoding="utf-8")
    tsv.write_text("".join(" ".join(f"{ord(c):X}" for c in k) + "\t" + " ".join(f"{ord(c):X}" for c in v) + "\n" for k, v in RULES.items()), encoding="utf-8")
    if options.pop("rules", False):
        options["normalization_rule_tsv"] = str(tsv)
    spm.SentencePieceTrainer.train(input=str(text), model_prefix=str(folder / "m"), character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, **options)
    model = pb.ModelProto.FromString((folder / "m.model").read_bytes())
    model.trainer_spec.ClearField("input")  # names of temporary files
    model.trainer_spec.ClearField("model_prefix")
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    return model.SerializeToString(deterministic=True)


def digest(ids):
    return [len(ids), hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()[:16]]


def case(name, data, encode, decode, unknown):
    rows = []
    for t in TEXTS:
        ids = encode(t)
        rows.append([ids, None if unknown in ids else decode(ids)])
    return {"name": name, "data": base64.b64encode(data).decode(), "rows": rows, "files": {f: digest(encode(t)) for f, t in UDHR.items()}}


made = []
for name, options in {
    "bpe, byte fallback": dict(model_type="bpe", vocab_size=700, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False),
    "bpe, symbols": dict(model_type="bpe", vocab_size=500, user_defined_symbols=["[INST]", "<|t|>"], control_symbols=["<ctl>"], rules=True),
    "bpe, no prefix": dict(model_type="bpe", vocab_size=500, add_dummy_prefix=False, split_digits=True, rules=True, allow_whitespace_only_pieces=True, remove_extra_whitespaces=False),
    "unigram": dict(model_type="unigram", vocab_size=450, rules=True),
    "unigram, byte fallback, symbols": dict(model_type="unigram", vocab_size=700, byte_fallback=True, user_defined_symbols=["[INST]", "<|t|>", "oo"], normalization_rule_name="identity"),
    "words": dict(model_type="word", vocab_size=300, user_defined_symbols=["[INST]"], rules=True),
    "words, spaces kept": dict(model_type="word", vocab_size=300, normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=False),
    "characters": dict(model_type="char", vocab_size=90, user_defined_symbols=["[INST]", "<|t|>", "oo"], rules=True),
    "characters, spaces kept": dict(model_type="char", vocab_size=90, normalization_rule_name="identity", remove_extra_whitespaces=False),
    "characters, byte fallback": dict(model_type="char", vocab_size=340, byte_fallback=True, normalization_rule_name="identity"),
    "unigram, spaces kept": dict(model_type="unigram", vocab_size=450, normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True),
}.items():
    data = sentencepiece(**options)
    sp = spm.SentencePieceProcessor(model_proto=data)
    made.append(case(name, data, lambda t: sp.encode(t), lambda ids: sp.decode(ids), sp.unk_id()))

TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
tok = Tokenizer(models.BPE())
tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(TEKKEN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
tok.train_from_iterator(SEED, trainers.BpeTrainer(vocab_size=560, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
points = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
letters = {chr(b): b for b in points} | {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in points)}
words = [bytes(letters[c] for c in t) for t, _ in sorted(tok.get_vocab().items(), key=lambda x: x[1])]
words = [bytes([b]) for b in range(256)] + [w for w in words if len(w) > 1]
for name, special in {"tekken": None, "tekken with special tokens": [{"rank": i, "token_str": t, "is_control": True} for i, t in enumerate(["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])]}.items():
    spec = {"config": {"pattern": TEKKEN, "num_vocab_tokens": len(words), "default_vocab_size": len(words) + 30 - 20, "default_num_special_tokens": 30, "version": "v3" if special is None else "v7"},
            "vocab": [{"rank": i, "token_bytes": base64.b64encode(w).decode(), "token_str": None} for i, w in enumerate(words)]}
    if special:
        spec["special_tokens"] = special
    path = folder / "tekken.json"
    path.write_text(json.dumps(spec, separators=(",", ":")))
    tekken = Tekkenizer.from_file(path)
    made.append(case(name, path.read_bytes(), lambda t: tekken.encode(t, bos=False, eos=False), lambda ids: tekken.decode(ids), -1))

gpt2 = tiktoken.Encoding("gpt2", pat_str=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", mergeable_ranks=load_tiktoken_bpe(str(shared / "tokenizers/gpt2.tiktoken")), special_tokens={"<|endoftext|>": 50256})
mistral = spm.SentencePieceProcessor(model_file=str(shared / "tokenizers/mistral_v1.sentencepiece.model"))
real = {"gpt2.tiktoken": {f: digest(gpt2.encode_ordinary(t)) for f, t in UDHR.items()}, "mistral_v1.sentencepiece.model": {f: digest(mistral.encode(t)) for f, t in UDHR.items()}}
with open(out / "formats.json", "w", encoding="utf-8") as f:
    f.write('{"texts": ' + json.dumps(TEXTS) + ',\n "real": ' + json.dumps(real, separators=(",", ":")) + ',\n "cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in made) + "\n]}\n")
