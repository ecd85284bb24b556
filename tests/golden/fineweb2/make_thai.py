"""What PyThaiNLP makes of texts with an invented dictionary: thai.json, to hold ThaiWords against.

    python make_thai.py > thai.json      # needs pythainlp

Nothing of its own data is used: the words of the dictionary and the texts are drawn from Thai's letters."""
import importlib.metadata, json, random

from pythainlp.tokenize import word_tokenize
from pythainlp.util import Trie

random.seed(7)
consonants, before, above, tones = "กขคงจชดตนบปพมยรลวสหอ", "เแโใไ", "ะาำิีึืุู็ั", "่้๊๋"


def syllable():
    s = random.choice(before) if random.random() < 0.25 else ""
    s += random.choice(consonants)
    if random.random() < 0.15:
        s += random.choice("รลวย")
    if random.random() < 0.6:
        s += random.choice(above)
    if random.random() < 0.25:
        s += random.choice(tones)
    if random.random() < 0.4:
        s += random.choice(consonants)
    if random.random() < 0.06:
        s += random.choice(consonants) + "์"
    return s


syllables = [syllable() for _ in range(60)]
dictionary = sorted({"".join(random.choice(syllables) for _ in range(random.choice((1, 1, 2, 2, 3)))) for _ in range(260)} | set(syllables[:25]))
others = [" ", "  ", "\n", "\r\n", "\r", "\t", "abc", "A-b", "12", "๑๒", "1,234.5", "12:30น", "3.", ".5", "é日", "ๆ", "ฯ", "(", ").", "%", "\u200b", "\u00a0"]
texts = ["", " ", "ก", "เ", "12:30", "1.2.3.4:5", "ก12:30ข"]
for n in range(260):
    parts = []
    for _ in range(random.choice((3, 10, 30, 90))):
        r = random.random()
        parts.append(random.choice(dictionary) if r < 0.6 else random.choice(syllables) if r < 0.8 else random.choice(others) if r < 0.95 else random.choice(consonants + before + above + tones))
    texts.append("".join(parts))
trie = Trie(dictionary)
words = [[w.strip() for w in word_tokenize(t, custom_dict=trie, keep_whitespace=False, engine="newmm-safe") if w.strip()] for t in texts]
print(json.dumps({"made_with": {"pythainlp": importlib.metadata.version("pythainlp")}, "dictionary": dictionary, "texts": texts, "words": words}, ensure_ascii=False, indent=0))
