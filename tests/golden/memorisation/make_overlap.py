"""overlap.json: Rouge-L by rouge-score (PyPI), longest common run by Python's difflib, of pairs of token sequences.

rouge-score is given a tokenizer that takes ids apart, so that it compares ids and nothing else (no lower case, no stems).
Usage: make_overlap.py > overlap.json"""
import difflib
import json
import random

from rouge_score import rouge_scorer


class Ids:
    def tokenize(self, text):
        return text.split()


scorer = rouge_scorer.RougeScorer(["rougeL"], tokenizer=Ids())
draw = random.Random(5)
pairs = [([], []), ([1], []), ([], [1]), ([7], [7]), ([1, 2, 3], [3, 2, 1]), ([1, 2, 3, 4], [0, 1, 2, 9, 3, 4, 5])]
for length, vocabulary in ((20, 3), (50, 10), (200, 40), (500, 1000), (500, 5)):
    reference = [draw.randrange(vocabulary) for _ in range(length)]
    other = [draw.randrange(vocabulary) for _ in range(length + draw.randrange(-3, 4))]
    noisy = [t if draw.random() < 0.8 else draw.randrange(vocabulary) for t in reference]
    shifted = reference[length // 5:] + other[:length // 5]
    pairs += [(reference, reference), (other, reference), (noisy, reference), (shifted, reference)]

cases = []
for generated, reference in pairs:
    score = scorer.score(" ".join(map(str, reference)), " ".join(map(str, generated)))["rougeL"]
    run = difflib.SequenceMatcher(None, generated, reference, autojunk=False).find_longest_match(0, len(generated), 0, len(reference))
    cases.append({"generated": generated, "reference": reference, "rouge_l": score.fmeasure, "longest_run": run.size})
print("{\"cases\": [\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]}")
