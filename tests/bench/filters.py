"""The filter chain beside datatrove's as ../shared/peers/filters.py runs it: address, language (lid.176), Gopher repetition, Gopher quality, C4 without
its rule on ends of lines, FineWeb quality, PII; same documents, one thread each, and both sides' decisions on every document compared, filter by filter.
One JSON line a figure; the line of decisions lists the documents that differ, by filter, with both rules and the first word that is another.
Documents: those of ../shared/peers/corpus.py, Debian's documentation in all its languages and the texts of ../shared/data, every nth of them.
Usage: filters.py --build BUILD [--mb 5] [--docs /usr/share/doc] [--shared ../shared] [--corpus text.jsonl]
Needs datatrove[processing] with spacy (CAIRN_PYTHON); without it the peer's part is left out."""
import argparse, json, logging, os, pathlib, resource, statistics, subprocess, sys, tempfile, time

from support.figure import figure

for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[k] = "1"
root = pathlib.Path(__file__).resolve().parents[2]
ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--build", type=pathlib.Path, default=root / "build")
ap.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
ap.add_argument("--docs", type=pathlib.Path, default=pathlib.Path("/usr/share/doc"))
ap.add_argument("--corpus", type=pathlib.Path, help="a text.jsonl that corpus.py made")
ap.add_argument("--mb", type=float, default=5)
ap.add_argument("--runs", type=int, default=1)
a = ap.parse_args()
program = a.build / "tests/engine/data/bench_filters"
STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]  # of English for all, as datatrove has it when it is told nothing else
RULES = {"subdomain": "host", "hard_blacklisted": "word", "soft_blacklisted": "soft_words", "blacklisted_subword": "substring"}  # theirs: ours


def corpus(work):
    if a.corpus:
        return a.corpus
    texts = sorted(a.shared.glob("data/gutenberg/*.txt")) + sorted(a.shared.glob("data/udhr/*.xml"))
    subprocess.run([sys.executable, a.shared / "peers/corpus.py", work, "--html", a.docs, "--every", "3", "--html-every", "2", "--text", *texts], check=True, stdout=sys.stderr)
    return work / "text.jsonl"


def sampled(path):
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    total = sum(len(r["text"].encode()) for r in rows)
    return rows[:: max(1, round(total / (a.mb * 1e6)))]


class Peer:
    """datatrove's steps under our names."""

    def __init__(self):
        logging.disable(logging.CRITICAL)
        from datatrove.utils.logging import logger
        logger.remove()
        from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter, LanguageFilter, URLFilter
        from datatrove.pipeline.formatters import PIIFormatter
        from fasttext.FastText import _FastText
        self.url = URLFilter()
        self.url.tldextractor = __import__("tldextract").TLDExtract(suffix_list_urls=())
        language = LanguageFilter(languages=None, label_only=True)
        language.model._model = _FastText(str(a.shared / "data/langid/lid.176.ftz"))
        pii = PIIFormatter(email_replacement="<email-pii>", ip_replacement="<ip-pii>")

        class Pii:
            def filter(self, document):
                document.text = pii.format(document.text)
                return True

        self.steps = {"url": self.url, "language": language, "gopher_repetition": GopherRepetitionFilter(), "gopher_quality": GopherQualityFilter(),
                      "c4": C4QualityFilter(filter_no_terminal_punct=False), "fineweb_quality": FineWebQualityFilter(), "pii": Pii()}

    def url_lists(self):
        """The lists that datatrove carries, as our url filter reads them."""
        self.url.download_data()
        f = self.url
        clean = lambda words: sorted(w for w in words if w)
        return {"domains": clean(f.block_listed_domains), "hosts": clean(f.block_listed_domains), "urls": clean(f.block_listed_url), "words": clean(f.banned_words),
                "soft_words": clean(f.soft_banned_words), "substrings": clean(f.banned_subwords)}

    def chain(self, document, stop, said):
        for name, step in self.steps.items():
            try:
                result = step.filter(document)
            except ZeroDivisionError:  # a text without words
                result = (False, "error")
            rule = "" if result is True else result[1] if isinstance(result, tuple) else ""
            said(name, rule, document)
            if stop and rule:
                return

    def rate(self, rows, stop, said):
        from datatrove.data import Document
        documents = [Document(text=r["text"], id=r["id"], metadata={"url": r["url"]}) for r in rows]
        start = time.perf_counter()
        for document in documents:
            self.chain(document, stop, said)
        return sum(len(r["text"].encode()) for r in rows) / 1e6 / (time.perf_counter() - start)


def chain_config(lists):
    return [{"filter": "url", "file": str(lists), "suffixes": str(a.shared / "data/psl/public_suffix_list.dat"), "private_domains": False},
            {"filter": "language", "file": str(a.shared / "data/langid/lid.176.ftz"), "min_score": 0},
            {"filter": "gopher_repetition", "unspaced": "whole"}, {"filter": "gopher_quality", "stop_words": STOP_WORDS, "unspaced": "whole"},
            {"filter": "c4", "terminal_punctuation": False, "unspaced": "whole"}, {"filter": "fineweb_quality", "unspaced": "whole"},
            {"filter": "pii", "rules": "datatrove"}]


def first_other_word(row, ours):
    from datatrove.utils.text import split_into_words
    theirs = split_into_words(row["text"])
    for i, (x, y) in enumerate(zip(ours + [None], theirs + [None])):
        if x != y:
            return f"word {i}: {' '.join(ours[i:i + 3])[:40]!r}, theirs {' '.join(theirs[i:i + 3])[:40]!r}"
    return "the same words"


def compare(rows, mine, theirs, work):
    """Decisions that differ, each with both rules; both sides' texts behind each filter are compared, too."""
    different, judged, texts_off, languages_off = [], 0, 0, 0
    for row, ours in zip(rows, mine):
        for name, rule, text, language in theirs[row["id"]]:
            judged += 1
            rule = RULES.get(rule.removeprefix("gopher_"), rule.removeprefix("gopher_"))
            if name == "language":
                languages_off += ours["language"] != language
                continue
            if (ours[name] == "") != (rule == ""):
                different.append({"id": row["id"], "url": row["url"], "filter": name, "ours": ours[name], "theirs": rule})
            texts_off += name in ("c4", "pii") and rule == "" and ours[name] == "" and ours[name + "_text"] != text
    if different:
        off = {d["id"]: None for d in different}
        chosen = [r for r in rows if r["id"] in off]
        path = work / "off.jsonl"
        path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in chosen), encoding="utf-8")
        words = subprocess.run([program, "words", path], check=True, capture_output=True, text=True).stdout.splitlines()
        for row, line in zip(chosen, words):
            off[row["id"]] = first_other_word(row, json.loads(line))
        for d in different:
            d["why"] = off[d.pop("id")]
    return different, judged, texts_off, languages_off


def main(work):
    import hashlib
    rows = sampled(corpus(work))
    path = work / "rows.jsonl"
    path.write_text("".join(json.dumps({**r, "language": "en"}, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    try:
        import datatrove
        peer = Peer()
    except ImportError as error:
        print(f"note: {error}; only our own figures", file=sys.stderr)
        peer = None
    lists = work / "lists.json"
    lists.write_text(json.dumps(peer.url_lists() if peer else {"domains": ["example.com"]}))
    (work / "filters.json").write_text(json.dumps(chain_config(lists)))
    lines = subprocess.run([program, "chain", work / "filters.json", path, work / "decisions.jsonl"], check=True, capture_output=True, text=True).stdout.splitlines()
    ours = {line["what"]: line for line in map(json.loads, lines)}
    mine = [json.loads(line) for line in open(work / "decisions.jsonl")]
    theirs, rates, alone = {}, {}, {}
    if peer:
        from datatrove.data import Document
        from datatrove.utils.text import split_into_words
        peer.rate(rows[:3], False, lambda *_: None)
        said = lambda name, rule, document: theirs.setdefault(document.id, []).append((name, rule, hashlib.sha256(document.text.encode()).hexdigest(), document.metadata.get("language")))
        rates["chain"] = statistics.median(peer.rate(rows, False, said if run == 0 else lambda *_: None) for run in range(a.runs))
        rates["chain to the first drop"] = statistics.median(peer.rate(rows, True, lambda *_: None) for _ in range(a.runs))
        some = rows[::4]
        mb = sum(len(r["text"].encode()) for r in some) / 1e6
        for name, step in {"words": None, **peer.steps}.items():
            documents = [Document(text=r["text"], id=r["id"], metadata={"url": r["url"]}) for r in some]
            start = time.perf_counter()
            for document in documents:
                try:
                    step.filter(document) if step else split_into_words(document.text)
                except ZeroDivisionError:
                    pass
            rates[name] = mb / (time.perf_counter() - start)
    for name, line in ours.items():
        figure(f"filters: {name}, one thread", line["mb_per_s"], "MB/s", "datatrove" if peer else None, rates.get(name), documents=line["documents"], mb=line["mb"],
               peak_mb=line["peak_mb"], peer_peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000 if peer else None)
    if peer:
        different, judged, texts_off, languages_off = compare(rows, mine, theirs, work)
        figure("filters: decisions that are datatrove's", 100 * (1 - len(different) / judged), "%", documents=len(rows), decisions=judged, different=different,
               other_texts_behind_c4_or_pii=texts_off, other_languages=languages_off)


with tempfile.TemporaryDirectory() as temporary:
    main(pathlib.Path(temporary))
