"""Language identification beside fastText's own library, and FineWeb-2's rules with the words of each language beside datatrove's, on the UDHR texts
of ../shared in eleven languages, one thread each. One JSON line a figure.
Usage: quality.py --build BUILD [--shared ../shared]. Needs fasttext, and datatrove with spacy, jieba, sudachipy, pythainlp and indic-nlp-library
(CAIRN_PYTHON); without them the peer's part is left out."""
import argparse, json, logging, os, pathlib, re, subprocess, tempfile, time

from support.figure import figure

for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[k] = "1"
root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_data"
LANGUAGES = {"arb_Arab": "arb", "cmn_Hani": "cmn_hans", "deu_Latn": "deu_1996", "fra_Latn": "fra", "hin_Deva": "hin", "ita_Latn": "ita", "jpn_Jpan": "jpn", "roh_Latn": "roh",
             "rus_Cyrl": "rus", "swh_Latn": "swh", "tha_Thai": "tha"}
SHORT = {"arb": "ar", "cmn": "zh", "deu": "de", "fra": "fr", "hin": "hi", "ita": "it", "jpn": "ja", "roh": "rm", "rus": "ru", "swh": "sw", "tha": "th"}


def texts():
    for label, name in LANGUAGES.items():
        xml = (a.shared / f"data/udhr/udhr_{name}.xml").read_text(encoding="utf-8")
        paragraphs = re.findall("<para>(.*)</para>", xml)
        for i in range(0, len(paragraphs), 30):
            yield label, "\n".join(paragraphs[i:i + 30])


def timed(judge, rows):
    for label, text in rows:
        judge(label, text)  # models and tokenizers load
    start, rounds = time.perf_counter(), 0
    while rounds == 0 or time.perf_counter() - start < 2:
        for label, text in rows:
            judge(label, text)
        rounds += 1
    return sum(len(text.encode()) for _, text in rows) * rounds / (time.perf_counter() - start) / 1e6


def fasttext_rate(rows):
    try:
        import fasttext
    except ImportError:
        return None
    fasttext.FastText.eprint = lambda *a, **k: None
    model = fasttext.load_model(str(a.shared / "data/langid/lid.176.ftz"))
    return timed(lambda label, text: model.f.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict"), rows)


def datatrove_rate(rows):
    try:
        import yaml
        from datatrove.data import Document
        from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    except ImportError:
        return None
    logging.disable(logging.CRITICAL)
    filters = {}
    for label in LANGUAGES:
        c = yaml.safe_load((a.shared / f"data/fineweb2/{label}.yml").read_text(encoding="utf-8"))
        filters[label] = [
            GopherRepetitionFilter(language=label, dup_para_frac=0, dup_line_char_frac=0, dup_para_char_frac=0, dup_line_frac=c["dup_line_frac"],
                                   top_n_grams=c["top_n_grams"], dup_n_grams=c["dup_n_grams"]),
            FineWebQualityFilter(language=label, short_line_thr=999, char_duplicates_ratio=0.1, line_punct_thr=c["line_punct_thr"], new_line_ratio=c["new_line_ratio"]),
            GopherQualityFilter(language=label, max_avg_word_length=c["max_avg_word_length"], min_avg_word_length=c["min_avg_word_length"],
                                stop_words=c["stopwords"], max_non_alpha_words_ratio=c["max_non_alpha_words_ratio"], min_stop_words=2)]

    def judge(label, text):
        document = Document(text=text, id="0")
        return all(f.filter(document) is True for f in filters[label])

    return timed(judge, rows)


rows = list(texts())
with tempfile.TemporaryDirectory() as scratch:
    path = pathlib.Path(scratch) / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text, "language": SHORT[label[:3]]}, ensure_ascii=False) + "\n" for label, text in rows), encoding="utf-8")
    for what, kind, data, peer, rate in (("languages by lid.176.ftz", "language", "langid/lid.176.ftz", "fasttext", fasttext_rate),
                                         ("FineWeb-2's rules, words of eleven languages", "fineweb2", "fineweb2", "datatrove", datatrove_rate)):
        ours = json.loads(subprocess.run([program, kind, a.shared / "data" / data, path], check=True, capture_output=True, text=True).stdout)
        figure(what, ours["mb_per_s"], "MB/s", peer, rate(rows), peak_mb=ours["peak_mb"])
