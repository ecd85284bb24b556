"""Goldens of the `tokenizers` library (0.23.3) for every kind of normalizer, pre-tokenizer, model, decoder and post-processor beyond
byte-level BPE -> kinds.json: small tokenizers trained here on a few UDHR texts, and for each
  rows   of awkward texts: ids, ids with encode_special_tokens, text decoded without special tokens, ids with special tokens, and of the
         pair (text, the text before it)
  files  of all UDHR texts: number of tokens, first 16 digits of the SHA-256 of the ids (int32, little-endian) and of the decoded text
Usage: make_kinds.py SHARED OUT     (needs tokenizers and, for a character map, sentencepiece)"""
import base64, hashlib, json, pathlib, re, struct, sys, tempfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N, pre_tokenizers as P, processors as X, trainers

shared, out = pathlib.Path(sys.argv[1]) / "data", pathlib.Path(sys.argv[2])
UDHR = {p.name: p.read_text(encoding="utf-8") for p in sorted(shared.glob("udhr/*.xml"))}
SEED = [re.sub(r"<[^>]*>", " ", UDHR[f"udhr_{n}.xml"])[:6000] for n in ["eng", "deu_1996", "fra", "roh", "rus", "tur", "jpn", "arb", "hin", "kor"]]
TEXTS = [
    "", " ", "a", "Hello, world!", "  leading and   inner  spaces \t\ttabs\n\n\nlines\r\n end  ", "I'm you're they'LL we've he'd SHE'S do not . n't , ' x",
    "12345 3.14159 1/2 \u00bd \u0663\u0664\u0665 \u2167 \u216b \u00b2", "Gr\u00fcezi mitenand! Z\u00fcrich \u00c9COLE \u01c5 \u02b0a A\u0301e\u0301 \u0301x \u0301\u0301 \u0130stanbul \u03a3\u03a3\u03a3",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3067\u3059\u3002\u30c6\u30b9\u30c8\u30fc\u30ab\u30bf \u30ab\u3099\u304b\u3099 \u4e2d\u6587\u5b57\u7b26abc", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940 \u0627\u0644\u0652\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u0651\u064e\u0629",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e8\U0001f1ed a\u200db \u200cc", "nbsp\u00a0here \u2003em \u3000ideographic\u2028line \u0085nel \u180emvs \ufeffbom\u200b zwsp",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
    "\x00\x01\x7f\x8f control \ufffd \ue000", "\ufb01ne \ufb03 \u210c \uff21\uff22 \u3392 \u1100\u1161\u11a8 \ud55c\uad6d\uc5b4 x\u0323\u0307", "\u2581under\u2581 \u2581\u2581 \u2581 score__",
    "<s>begin</s> text<s></s>", "[CLS] a [SEP] b[MASK]c", "<Norm> <norm>al <NORM>", "x<extra>y <extra> z", "<0x0A> <0xFF>", "die Menschenrechte. Tous les \u00eatres humains naissent libres",
    "\u0430\u0431\u0432 \u0412\u0441\u0435 \u043b\u044e\u0434\u0438 \u2014 \u201cquoted\u201d \u00ab\u2026\u00bb \u20ac5 $7 +3=\u00d7 ^`~|", "\u00df\u1e9e \ua64a \U00010400 \U0001e900", "one-two_three|four five",
]
SPECIAL = ["<unk>", "<s>", "</s>"]
BERT = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def small_charsmap():
    """A character map with a few rules, compiled by SentencePiece."""
    import sentencepiece as spm
    rules = {"\u00c9": "E", "E\u0301": "E", "e\u0301": "\u00e9", "\ufb01": "fi", "\ufb03": "ffi", "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\uff21": "A", "\uff22": "B",
             "\u200b": "", "\u3392": "MHz", "\u30ab\u3099": "\u30ac", "x\u0323\u0307": "X", "\u00bd": "1\u20442", "\u0652": "", "\U0001f600": ":)"}
    with tempfile.TemporaryDirectory() as folder:
        tsv, text = pathlib.Path(folder) / "rules.tsv", pathlib.Path(folder) / "text.txt"
        tsv.write_text("".join(" ".join(f"{ord(c):X}" for c in k) + "\t" + " ".join(f"{ord(c):X}" for c in v) + "\n" for k, v in rules.items()), encoding="utf-8")
        text.write_text("\n".join(SEED), encoding="utf-8")
        spm.SentencePieceTrainer.train(input=str(text), model_prefix=folder + "/m", vocab_size=1500, character_coverage=0.99, hard_vocab_limit=False, model_type="bpe", normalization_rule_tsv=str(tsv), minloglevel=2)
        blob = (pathlib.Path(folder) / "m.model").read_bytes()
    from sentencepiece import sentencepiece_model_pb2 as pb
    model = pb.ModelProto()
    model.ParseFromString(blob)
    return base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()


def finish(tok, decoder, processor=None, added=()):
    if decoder is not None:
        tok.decoder = decoder
    if processor is not None:
        tok.post_processor = processor
    tok.add_tokens([t for t in added if not t.special])
    tok.add_special_tokens([t for t in added if t.special])
    return tok


def bpe(normalizer, pre, vocab=420, alphabet=(), special=SPECIAL, trainer=None, **options):
    tok = Tokenizer(M.BPE(**options))
    if normalizer is not None:
        tok.normalizer = normalizer
    if pre is not None:
        tok.pre_tokenizer = pre
    args = dict(vocab_size=vocab, show_progress=False, special_tokens=list(special), initial_alphabet=list(alphabet), limit_alphabet=200)
    args.update(trainer or {})
    # Without a pre-tokenizer a text would be one word: train on words, as they stand behind the visible space.
    tok.train_from_iterator([w for t in SEED for w in re.findall(r" ?[^ ]+", t)] if pre is None else SEED, trainers.BpeTrainer(**args))
    return tok


def with_bytes(tok, add=True):
    """The same tokenizer with byte fallback and the 256 byte tokens behind its vocabulary."""
    spec = json.loads(tok.to_str())
    vocab = spec["model"]["vocab"]
    for b in range(256):
        if isinstance(vocab, list):
            vocab.append([f"<0x{b:02X}>", 0.0 if b % 2 else -20.0])
        else:
            vocab[f"<0x{b:02X}>"] = len(vocab)
    spec["model"]["byte_fallback"] = True
    return Tokenizer.from_str(json.dumps(spec))


def wordpiece(normalizer, pre, **options):
    tok = Tokenizer(M.WordPiece(unk_token="[UNK]", **options))
    tok.normalizer, tok.pre_tokenizer = normalizer, pre
    tok.train_from_iterator(SEED, trainers.WordPieceTrainer(vocab_size=420, show_progress=False, special_tokens=BERT, limit_alphabet=200))
    return tok


def unigram(normalizer, pre, vocab=420):
    tok = Tokenizer(M.Unigram())
    if normalizer is not None:
        tok.normalizer = normalizer
    tok.pre_tokenizer = pre
    tok.train_from_iterator(SEED[:6], trainers.UnigramTrainer(vocab_size=vocab, show_progress=False, special_tokens=SPECIAL, unk_token="<unk>"))
    return tok


def template(tok, single, pair, names):
    return X.TemplateProcessing(single=single, pair=pair, special_tokens=[(n, tok.token_to_id(n)) for n in names])


def changed(tok, **values):
    spec = json.loads(tok.to_str())
    spec.update(values)
    return Tokenizer.from_str(json.dumps(spec))


EXTRA = [AddedToken("<extra>", special=True, normalized=False), AddedToken("<Norm>", special=False, normalized=True), AddedToken("human", special=False, single_word=True)]
LLAMA_DECODER = D.Sequence([D.Replace("\u2581", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
SPLIT = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
byte_level = P.ByteLevel(add_prefix_space=False, use_regex=False)
byte_regex = P.ByteLevel(add_prefix_space=False, use_regex=True)
made = {}

t = wordpiece(N.BertNormalizer(), P.BertPreTokenizer())
made["bert uncased"] = finish(t, D.WordPiece(), template(t, "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ["[CLS]", "[SEP]"]), EXTRA)
t = wordpiece(N.BertNormalizer(lowercase=False, strip_accents=False, handle_chinese_chars=False), P.Whitespace(), max_input_chars_per_word=20)
made["bert cased, words by Whitespace"] = finish(t, D.WordPiece(cleanup=False), X.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]"))))
t = unigram(N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), P.Metaspace())
made["unigram"] = finish(t, D.Metaspace(), template(t, "$A </s>", "$A </s> $B </s>", ["</s>"]), EXTRA)
t = with_bytes(unigram(None, P.Metaspace(prepend_scheme="first"), 400))
made["unigram, byte fallback"] = finish(t, D.Sequence([D.ByteFallback(), D.Metaspace(prepend_scheme="first")]))
charsmap = small_charsmap()
t = unigram(N.Sequence([N.Precompiled(base64.b64decode(charsmap)), N.Strip(left=False, right=True), N.Replace(Regex(" {2,}"), "\u2581")]), P.Metaspace())
made["unigram, character map"] = finish(t, D.Metaspace(), template(t, "<s> $A </s>", "<s> $A </s> </s> $B </s>", ["<s>", "</s>"]))
t = unigram(N.Precompiled(base64.b64decode(charsmap)), P.Sequence([P.WhitespaceSplit(), P.Metaspace()]))
made["unigram, words then Metaspace"] = finish(t, D.Metaspace())
t = with_bytes(bpe(N.Sequence([N.Prepend("\u2581"), N.Replace(" ", "\u2581")]), None, unk_token="<unk>", fuse_unk=True))
made["llama 2"] = finish(t, LLAMA_DECODER, template(t, "<s> $A", "<s> $A <s> $B", ["<s>"]), EXTRA)
t = with_bytes(bpe(None, P.Metaspace(prepend_scheme="first", split=False), unk_token="<unk>", fuse_unk=True))
made["llama 2, Metaspace"] = finish(t, LLAMA_DECODER, None, [AddedToken("<extra>", special=True, normalized=False)])
t = with_bytes(bpe(N.Replace(" ", "\u2581"), P.Split(" ", "merged_with_previous"), unk_token="<unk>", fuse_unk=True))
made["gemma"] = finish(t, D.Sequence([D.Replace("\u2581", " "), D.ByteFallback(), D.Fuse()]), None, EXTRA)
t = bpe(N.NFC(), P.Sequence([P.Split(SPLIT, "isolated"), byte_level]), alphabet=P.ByteLevel.alphabet(), special=[], trainer={"limit_alphabet": 1000})
made["qwen, NFC"] = finish(t, D.ByteLevel(), X.ByteLevel(trim_offsets=False), EXTRA)
t = bpe(N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()]), byte_regex, alphabet=P.ByteLevel.alphabet(), special=[], trainer={"limit_alphabet": 1000})
made["lower case without accents"] = finish(t, D.ByteLevel(), None, EXTRA)
t = bpe(None, P.ByteLevel(add_prefix_space=True), alphabet=P.ByteLevel.alphabet(), trainer={"limit_alphabet": 1000})
made["roberta"] = finish(t, D.ByteLevel(), X.RobertaProcessing(("</s>", 2), ("<s>", 1)), [AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
t = bpe(N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]), P.Sequence([P.WhitespaceSplit(), P.Punctuation()]), unk_token="<unk>", end_of_word_suffix="</w>", trainer={"end_of_word_suffix": "</w>"})
made["words that end in </w>"] = finish(t, D.BPEDecoder(), X.Sequence([X.ByteLevel(), template(t, "<s> $A </s>", "<s> $A </s> $B </s>", ["<s>", "</s>"])]))
t = bpe(N.NFKD(), P.WhitespaceSplit(), unk_token="<unk>", continuing_subword_prefix="##", trainer={"continuing_subword_prefix": "##"})
made["BPE that goes on with ##"] = finish(t, D.WordPiece())
t = unigram(N.Strip(), P.Sequence([P.UnicodeScripts(), P.WhitespaceSplit()]))
made["scripts"] = finish(t, None)
tok = Tokenizer(M.WordLevel(unk_token="<unk>"))
tok.normalizer, tok.pre_tokenizer = N.NFKC(), P.Sequence([P.WhitespaceSplit(), P.Punctuation("removed")])
tok.train_from_iterator(SEED, trainers.WordLevelTrainer(vocab_size=300, show_progress=False, special_tokens=SPECIAL))
made["whole words"] = finish(tok, None)
t = bpe(None, P.Sequence([P.Digits(individual_digits=True), P.Punctuation("contiguous"), P.Metaspace(prepend_scheme="never")]), unk_token="<unk>")
made["digits, punctuation, Metaspace"] = finish(t, D.Metaspace(prepend_scheme="never"))
t = bpe(None, P.Sequence([byte_regex, P.Digits(individual_digits=False)]), alphabet=P.ByteLevel.alphabet(), trainer={"limit_alphabet": 1000})
made["ByteLevel, then Digits"] = finish(t, D.ByteLevel())
t = bpe(N.ByteLevel(), P.FixedLength(length=7), alphabet=P.ByteLevel.alphabet(), trainer={"limit_alphabet": 1000})
made["ByteLevel as a normalizer, words of seven"] = finish(t, D.ByteLevel())
t = unigram(None, byte_regex)
made["unigram over bytes"] = finish(t, D.ByteLevel())
t = bpe(None, P.CharDelimiterSplit("|"), unk_token="<unk>", vocab=300)
made["delimiter, unknowns apart"] = finish(t, D.Sequence([D.Fuse(), D.Strip("a", 2, 0)]))
made["CTC"] = finish(bpe(None, P.Split(Regex(""), "isolated"), vocab=210, unk_token="<unk>"), D.CTC(pad_token="<s>", word_delimiter_token="e"))


def ids_of(tok, text, as_text=False):
    tok.encode_special_tokens = as_text
    ids = tok.encode(text, add_special_tokens=False).ids
    tok.encode_special_tokens = False
    return ids


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


cases = []
for name, tok in made.items():
    rows = [[ids_of(tok, t), ids_of(tok, t, True), tok.decode(ids_of(tok, t), skip_special_tokens=True), tok.encode(t).ids, tok.encode(t, TEXTS[i - 1]).ids] for i, t in enumerate(TEXTS)]
    files = {}
    for file, text in UDHR.items():
        ids = ids_of(tok, text)
        files[file] = [len(ids), digest(struct.pack(f"<{len(ids)}i", *ids)), digest(tok.decode(ids, skip_special_tokens=False).encode())]
    cases.append({"name": name, "tokenizer": json.loads(tok.to_str()), "rows": rows, "files": files})
with open(out / "kinds.json", "w", encoding="utf-8") as f:
    f.write('{"texts": ' + json.dumps(TEXTS) + ',\n "cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")
