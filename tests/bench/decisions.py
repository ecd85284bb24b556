"""Decisions and signatures beside datatrove's on real documents of many languages: FineWeb-2's rules with each language's thresholds and datatrove's own
tokenizer of it, and MinHash signatures with its defaults. Documents: pages of Debian's documentation whose path names a language, UDHR texts and books of
../shared, cut into runs of lines. One JSON line a language, with the rules of those that differ.
Usage: decisions.py --build BUILD [--docs DIR ...] [--shared ../shared] [--most 300] [--jieba FOLDER] [--thai FILE] [--sudachi FOLDER]
Needs datatrove with spacy, jieba, sudachipy, sudachidict_core, pythainlp, indic-nlp-library, pyyaml, lxml (CAIRN_PYTHON)."""
import argparse, hashlib, json, logging, pathlib, re, struct, subprocess, sys, tempfile
from collections import Counter

from support.figure import figure

root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--docs", type=pathlib.Path, nargs="*", default=[pathlib.Path("/usr/share/doc"), pathlib.Path("/usr/share/debian-reference")])
ap.add_argument("--most", type=int, default=300, help="documents of a language")
ap.add_argument("--jieba", type=pathlib.Path, help="a folder with jieba's files, for Chinese words")
ap.add_argument("--sudachi", type=pathlib.Path, help="a folder with Sudachi's files (docs/quality.md), for Japanese words")
ap.add_argument("--thai", type=pathlib.Path, help="PyThaiNLP's words_th.txt, for Thai words")
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_filters"
# FineWeb-2's label: language of documents, part of a path, UDHR texts
LANGUAGES = {"deu_Latn": ("de", "de", ["deu_1996"]), "fra_Latn": ("fr", "fr", ["fra"]), "ita_Latn": ("it", "it", ["ita"]), "jpn_Jpan": ("ja", "ja", ["jpn"]),
             "rus_Cyrl": ("ru", "ru", ["rus"]), "cmn_Hani": ("zh", "zh-cn", ["cmn_hans"]), "arb_Arab": ("ar", "ar", ["arb"]), "hin_Deva": ("hi", "hi", ["hin"]),
             "swh_Latn": ("sw", "sw", ["swh"]), "tha_Thai": ("th", "th", ["tha"]),
             "roh_Latn": ("rm", "rm", ["roh", "roh_puter", "roh_rumgr", "roh_surmiran", "roh_sursilv", "roh_sutsilv", "roh_vallader"])}
LINES = 30


def plain(path):
    from lxml import html
    page = html.fromstring(re.sub(rb"^\s*<\?xml[^>]*\?>", b"", path.read_bytes()))
    for bad in page.xpath("//script|//style|//head"):
        bad.drop_tree()
    for element in page.iter("p", "div", "li", "tr", "h1", "h2", "h3", "h4", "pre", "dt", "dd", "br"):
        element.tail = "\n" + (element.tail or "")
    return re.sub(r"\n\s*\n+", "\n\n", re.sub(r"[ \t]+", " ", page.text_content())).strip()


def texts_of(part, udhr):
    pages = [p for d in a.docs if d.is_dir() for p in sorted(d.rglob("*.html")) if re.search(rf"[./]{part}[./]", str(p.relative_to(d)))]
    for path in pages[:: max(1, len(pages) // (a.most // 2))]:
        yield plain(path)
    for name in udhr:
        yield "\n".join(re.findall("<para>(.*)</para>", (a.shared / f"data/udhr/udhr_{name}.xml").read_text(encoding="utf-8")))
    if part == "ja":
        yield (a.shared / "data/gutenberg/wagahaiwa_ja.txt").read_text(encoding="utf-8")


def documents_of(part, udhr):
    texts = []
    for text in texts_of(part, udhr):
        lines = text.split("\n")
        texts += ["\n".join(lines[i:i + LINES]) for i in range(0, len(lines), LINES)]
    texts = [t for t in texts if t.strip()]
    return texts[:: max(1, -(-len(texts) // a.most))]


def datatrove_filters(label):
    import yaml
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    c = yaml.safe_load((a.shared / f"data/fineweb2/{label}.yml").read_text(encoding="utf-8"))
    return [GopherRepetitionFilter(language=label, dup_para_frac=0, dup_line_char_frac=0, dup_para_char_frac=0, dup_line_frac=c["dup_line_frac"],
                                   top_n_grams=c["top_n_grams"], dup_n_grams=c["dup_n_grams"]),
            FineWebQualityFilter(language=label, short_line_thr=999, char_duplicates_ratio=0.1, line_punct_thr=c["line_punct_thr"], new_line_ratio=c["new_line_ratio"]),
            GopherQualityFilter(language=label, max_avg_word_length=c["max_avg_word_length"], min_avg_word_length=c["min_avg_word_length"],
                                stop_words=c["stopwords"], max_non_alpha_words_ratio=c["max_non_alpha_words_ratio"], min_stop_words=2)]


def rule_of(filters, text):
    from datatrove.data import Document
    document = Document(text=text, id="0")
    for f in filters:
        try:
            result = f.filter(document)
        except ZeroDivisionError:
            return "error"
        if result is not True:
            return result[1].removeprefix("gopher_")
    return ""


class Signatures:
    def __init__(self):
        from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
        self.minhash = MinhashDedupSignature(tempfile.mkdtemp(), config=MinhashConfig())

    def digest(self, text):
        shingles = self.minhash.get_shingles(text)
        if shingles.size == 0:
            return None
        values = [int(v) for band in self.minhash.get_signature(shingles) for v in band]
        return hashlib.sha256(struct.pack(f"<{len(values)}Q", *values)).hexdigest()


def compare(work, label, language, texts, signatures):
    rows = work / "rows.jsonl"
    rows.write_text("".join(json.dumps({"id": str(i), "text": t, "language": language}, ensure_ascii=False) + "\n" for i, t in enumerate(texts)), encoding="utf-8")
    chain = {"filter": "fineweb2", "file": str(a.shared / "data/fineweb2")}
    if a.jieba and language == "zh":
        chain["chinese_words"] = str(a.jieba)
    if a.thai and language == "th":
        chain["thai_words"] = str(a.thai)
    if a.sudachi and language == "ja":
        chain["japanese_words"] = str(a.sudachi)
    (work / "filters.json").write_text(json.dumps([chain]))
    subprocess.run([program, "decide", work / "filters.json", rows, work / "decisions.jsonl"], check=True)
    ours = [json.loads(line)["fineweb2"] for line in open(work / "decisions.jsonl")]
    filters = datatrove_filters(label)
    theirs = [rule_of(filters, text) for text in texts]
    different = [(o, t) for o, t in zip(ours, theirs) if (o == "") != (t == "")]
    other_rule = sum(o != t for o, t in zip(ours, theirs)) - len(different)
    by_rule = Counter(f"{o or 'kept'}, theirs {t or 'kept'}" for o, t in different)
    mine = subprocess.run([program, "minhash", rows], check=True, capture_output=True, text=True).stdout.split()
    same = sum(m == (signatures.digest(t) or "none") for m, t in zip(mine, texts))
    figure(f"FineWeb-2 decisions that are datatrove's: {label}", 100 * (1 - len(different) / len(texts)), "%", documents=len(texts), kept=theirs.count(""), different=by_rule,
           other_rule=other_rule, minhash_signatures_equal=same)
    return len(texts), len(different)


with tempfile.TemporaryDirectory() as temporary:
    logging.disable(logging.CRITICAL)
    from datatrove.utils.logging import logger
    logger.remove()
    signatures, judged, off = Signatures(), 0, 0
    for label, (language, part, udhr) in LANGUAGES.items():
        n, d = compare(pathlib.Path(temporary), label, language, documents_of(part, udhr), signatures)
        judged, off = judged + n, off + d
    figure("FineWeb-2 decisions that are datatrove's: all", 100 * (1 - off / judged), "%", documents=judged, different=off)
