"""datatrove's FineWeb-2 decisions on texts of twelve languages, to hold ours against: decisions.json.
Texts: UDHR paragraphs, MGSM questions, XCOPA items and a Japanese novel of ../shared, some lines each, as they are and made worse on purpose
(bullets, repeats, ellipses, digits, cut short, line ends inside sentences). Rules and order: the pipeline of FineWeb-2 (repetition, FineWeb
quality, Gopher quality) with the thresholds of ../shared/data/fineweb2 and datatrove's word tokenizer of each language.
Kept: where each text came from, so that the test can cut it out again, what each filter said, and how many words there were; no text is copied.
Usage: make_fineweb2.py SHARED > decisions.json
Needs datatrove with spacy, jieba, sudachipy, sudachidict_core, pythainlp, indic-nlp-library, pyyaml. WORDS=FILE also writes all words there."""
import importlib.metadata, json, logging, os, pathlib, re, sys

import yaml
from datatrove.data import Document
from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.utils.text import split_into_words

logging.disable(logging.CRITICAL)
shared = pathlib.Path(sys.argv[1])
# language, file, how many lines make a text
SOURCES = [("arb_Arab", "udhr/udhr_arb.xml", 8), ("cmn_Hani", "udhr/udhr_cmn_hans.xml", 8), ("deu_Latn", "udhr/udhr_deu_1996.xml", 8), ("gsw_Latn", "udhr/udhr_deu_1996.xml", 9),
           ("fra_Latn", "udhr/udhr_fra.xml", 8), ("hin_Deva", "udhr/udhr_hin.xml", 4), ("ita_Latn", "udhr/udhr_ita.xml", 8), ("jpn_Jpan", "udhr/udhr_jpn.xml", 8),
           ("rus_Cyrl", "udhr/udhr_rus.xml", 8), ("swh_Latn", "udhr/udhr_swh.xml", 8), ("tha_Thai", "udhr/udhr_tha.xml", 8)]
SOURCES += [("roh_Latn", f"udhr/udhr_roh{idiom}.xml", 8) for idiom in ("", "_puter", "_rumgr", "_surmiran", "_sursilv", "_sutsilv", "_vallader")]
SOURCES += [(lang, f"eval/mgsm/mgsm_{code}.tsv", 6) for lang, code in (("deu_Latn", "de"), ("gsw_Latn", "de"), ("fra_Latn", "fr"), ("jpn_Jpan", "ja"), ("rus_Cyrl", "ru"),
                                                                         ("swh_Latn", "sw"), ("tha_Thai", "th"), ("cmn_Hani", "zh"))]
SOURCES += [(lang, f"eval/xcopa/test.{code}.jsonl", 12) for lang, code in (("ita_Latn", "it"), ("swh_Latn", "sw"), ("tha_Thai", "th"), ("cmn_Hani", "zh"))]
SOURCES += [("jpn_Jpan", "gutenberg/wagahaiwa_ja.txt", 20)]


def lines_of(name):
    text = (shared / "data" / name).read_text(encoding="utf-8")
    rows = [line for line in text.split("\n") if line]
    if name.endswith(".xml"):
        return [m.group(1) for m in (re.search("<para>(.*)</para>", row) for row in rows) if m]
    if name.endswith(".tsv"):
        return [row.split("\t")[0] for row in rows]
    if name.endswith(".jsonl"):
        return [" ".join(json.loads(row)[key] for key in ("premise", "choice1", "choice2")) for row in rows]
    return rows


def worse(lines, how):
    if how == 1:
        return "\n".join("- " + line for line in lines)
    if how == 2:
        half = lines[:len(lines) // 2]
        return "\n".join(half + half)
    if how == 5:
        return "\n".join(lines[:2])
    if how == 7:
        return "\n".join(lines + lines[:2] * 2)
    text = "\n".join(lines)
    if how == 3:
        return text.replace(". ", " ... ").replace("。", "……")
    if how == 4:
        return text.replace(" ", " 7 ").replace("、", " 7 ")
    if how == 6:
        return text.replace(", ", ",\n").replace("、", "、\n").replace("，", "，\n")
    return text


def said(f, text):
    try:
        result = f.filter(Document(text=text, id="0"))
        return "" if result is True else result[1]
    except ZeroDivisionError:
        return "error"


configs, rows = {}, []
words_file = open(os.environ["WORDS"], "w", encoding="utf-8") if "WORDS" in os.environ else None
for lang, name, count in SOURCES:
    if lang not in configs:
        c = yaml.safe_load((shared / f"data/fineweb2/{lang}.yml").read_text(encoding="utf-8"))
        configs[lang] = [
            GopherRepetitionFilter(language=lang, dup_para_frac=0, dup_line_char_frac=0, dup_para_char_frac=0, dup_line_frac=c["dup_line_frac"],
                                   top_n_grams=c["top_n_grams"], dup_n_grams=c["dup_n_grams"]),
            FineWebQualityFilter(language=lang, short_line_thr=999, char_duplicates_ratio=0.1, line_punct_thr=c["line_punct_thr"], new_line_ratio=c["new_line_ratio"]),
            GopherQualityFilter(language=lang, max_avg_word_length=c["max_avg_word_length"], min_avg_word_length=c["min_avg_word_length"], stop_words=c["stopwords"],
                                max_non_alpha_words_ratio=c["max_non_alpha_words_ratio"], min_stop_words=2)]
    lines = lines_of(name)
    step = 9 if "wagahai" in name else 1
    for index in range(0, len(lines) // count, step):
        for how in (0, 1 + index // step % 7):
            text = worse(lines[index * count:(index + 1) * count], how)
            words = split_into_words(text, lang)
            # Where there are no spaces and words come from dictionaries: how long each is (z: 35 characters or more).
            unspaced = lang in ("cmn_Hani", "jpn_Jpan", "tha_Thai") and "wagahai" not in name
            lengths = ["".join("0123456789abcdefghijklmnopqrstuvwxyz"[min(len(w), 35)] for w in words)] if unspaced else []
            rows.append([lang, name, count, index, how, *[said(f, text) for f in configs[lang]], len(words), *lengths])
            if words_file:
                words_file.write(json.dumps([lang, name, index, how, text, words], ensure_ascii=False) + "\n")
packages = ("datatrove", "spacy", "jieba", "sudachipy", "sudachidict_core", "pythainlp", "indic-nlp-library")
print(json.dumps({"made_with": {p: importlib.metadata.version(p) for p in packages}, "columns": ["language", "file", "lines", "index", "how", "gopher_repetition",
                  "fineweb_quality", "gopher_quality", "words", "word_lengths"], "texts": rows}).replace("], [", "],\n["))
