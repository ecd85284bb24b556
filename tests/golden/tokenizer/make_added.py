"""Goldens of the `tokenizers` library (0.23.3) for added tokens -> added.json: a byte-level BPE without merges behind a normalizer that lowers letters and takes accents off, with
each of the 32 sets of flags (lstrip, rstrip, single_word, normalized, special) on one token, and with tokens that meet one another; for each case and text the ids, and the ids with
encode_special_tokens.
Usage: make_added.py OUT"""
import itertools, json, pathlib, sys

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

TEXTS = [
    "a<Tok>b", "a <Tok> b", "  <Tok>  <Tok>\t\n<Tok>", "<tok> <TOK> <T\u00f6k>", "\u00e9<Tok>\u00e9", "_<Tok>_ 9<Tok>9 -<Tok>-", "\u0301<Tok> \u0301", "\u200d<Tok>\u200d \u0663<Tok>\u2167", "\u00a0<Tok>\u00a0\u3000<Tok>\u2003\u0085<Tok>\u200b<Tok>",
    "<Tok><Tok>", "<Tok", "Tok>", "<<Tok>>", " <Tok>", "<Tok> ", "\u65e5<Tok>\u672c \U0001f600<Tok>", "<Tok>\u0301x", "A B  C", "<a><a><b><a> <b> <a>", "word<a>word <b>word", "x<|im|>y <|im|end|> <|im", "new\nline \n\n x", "", "<s></s>\n<s>",
]
FLAGS = ["lstrip", "rstrip", "single_word", "normalized", "special"]


def made(tokens):
    vocab = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tok = Tokenizer(models.BPE(vocab, []))
    tok.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tok.pre_tokenizer, tok.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), decoders.ByteLevel()
    for t in tokens:
        (tok.add_special_tokens if t["special"] else tok.add_tokens)([AddedToken(t["content"], **{f: t[f] for f in FLAGS if f != "special"}, special=t["special"])])
    return tok


def token(content, *flags):
    return {"content": content} | {f: f in flags for f in FLAGS}


cases = [[token("<Tok>", *(f for f, on in zip(FLAGS, flags) if on))] for flags in itertools.product([False, True], repeat=5)]
cases += [
    [token("<a>", "rstrip"), token("<b>", "lstrip"), token("<a><b>")],
    [token("<a>", "rstrip"), token(" <b>"), token("<b>", "special")],
    [token("<|im|>", "special"), token("<|im|end|>"), token("<|im", "normalized")],
    [token("\n"), token("\n\n", "normalized"), token(" ", "single_word")],
    [token("a", "normalized", "single_word"), token("B", "lstrip", "rstrip", "normalized")],
    [token("<s>", "special"), token("</s>", "special", "rstrip"), token("s", "normalized", "single_word")],
]
rows = []
for tokens in cases:
    tok = made(tokens)
    spec = json.loads(tok.to_str())
    row = []
    for text in TEXTS:
        tok.encode_special_tokens = False
        ids = tok.encode(text, add_special_tokens=False).ids
        tok.encode_special_tokens = True
        row.append([ids, tok.encode(text, add_special_tokens=False).ids])
    rows.append({"added_tokens": spec["added_tokens"], "rows": row})
base = json.loads(made([]).to_str())
with open(pathlib.Path(sys.argv[1]) / "added.json", "w", encoding="utf-8") as f:
    f.write('{"tokenizer": ' + json.dumps(base) + ',\n "texts": ' + json.dumps(TEXTS) + ',\n "cases": [\n' + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]}\n")
