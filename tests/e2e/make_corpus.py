"""Writes a small corpus in four invented languages for the end-to-end test: HTML pages, a JSONL file, near-duplicates, an e-mail address, and a
document under a licence that is not allowed. The same bytes each time. Usage: make_corpus.py FOLDER"""
import json
import random
import sys
from pathlib import Path

out = Path(sys.argv[1])
random.seed(7)
SYLLABLES = {"en": "ka lo mi ten ra so", "de": "schu bro gen ter lich un", "fr": "eau lai que don ple si", "it": "zio pa la re cci no"}
STOP = {"en": ["the", "and", "of", "that", "with", "have"], "de": ["der", "und", "die", "das", "mit", "von"], "fr": ["le", "et", "les", "des", "que", "dans"],
        "it": ["il", "e", "che", "di", "con", "per"]}


def words(language, count):
    syllables = SYLLABLES[language].split()
    vocabulary = ["".join(random.choice(syllables) for _ in range(random.randint(2, 3))) for _ in range(120)]
    return [random.choice(STOP[language]) if random.random() < 0.3 else random.choice(vocabulary) for _ in range(count)]


def paragraph(language):
    return " ".join(" ".join(words(language, random.randint(8, 14))).capitalize() + "." for _ in range(5))


def page(language, title, paragraphs):
    body = "".join(f"<p>{p}</p>" for p in paragraphs)
    return f'<html lang="{language}"><head><title>{title}</title></head><body><nav><a href="x">menu</a></nav><h1>{title}</h1>{body}</body></html>'


for language in SYLLABLES:
    folder = out / "html" / language
    folder.mkdir(parents=True)
    for i in range(30):
        paragraphs = [paragraph(language) for _ in range(4)]
        if i == 3:
            paragraphs.append("Write to anna.muster@example.org about the matter of this page.")
        (folder / f"page{i:02}.html").write_text(page(language, f"Page {i} {language}", paragraphs), encoding="utf-8")
        if i == 5:   # a near-duplicate: one word more
            paragraphs[-1] += " Indeed."
            (folder / "page05-again.html").write_text(page(language, f"Page {i} {language}", paragraphs), encoding="utf-8")
with open(out / "closed.jsonl", "w", encoding="utf-8") as f:
    for i in range(3):
        f.write(json.dumps({"text": "\n".join(paragraph("en") for _ in range(4)), "url": f"https://example.org/closed/{i}"}) + "\n")
