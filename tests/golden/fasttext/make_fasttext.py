"""Predictions of the reference fastText, to hold ours against: small models of every loss and form (*.bin, *.ftz) trained on sentences made
here, and predictions.json with what the reference says of texts under each, and of lines of ../shared's UDHR texts under lid.176.ftz
(where each line stands; no text of it is copied). Scores are the reference's float32 values, written exactly.
Usage: make_fasttext.py SHARED OUT_FOLDER      (needs fasttext-wheel)"""
import importlib.metadata, json, pathlib, random, re, sys, tempfile

import fasttext

fasttext.FastText.eprint = lambda *a, **k: None
shared, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])

WORDS = {
    "__label__eng_Latn": "the tide came in slowly that evening and nobody on pier had expected boat to return before dark with mussels".split(),
    "__label__deu_Latn": "die Flut kam an jenem Abend langsam und niemand auf dem Steg hatte das Boot vor der Nacht zurück erwartet für Möwen".split(),
    "__label__fra_Latn": "la marée montait lentement ce soir et personne sur la jetée ne croyait voir revenir le bateau avant la nuit été".split(),
    "__label__rus_Cyrl": "вечером прилив шёл медленно и никто на пристани не ждал лодку до темноты".split(),
    "__label__jpn_Jpan": "潮 は その 夕方 ゆっくり 満ちて 誰 も 船 が 戻る と は 思わ なかった".split(),
}
random.seed(7)


def sentences(count):
    for i in range(count):
        # Labels of different frequency, so that the tree of the hierarchical softmax is no balanced one.
        label = random.choices(list(WORDS), weights=[16, 8, 4, 2, 1])[0]
        yield label, " ".join(random.choices(WORDS[label], k=random.randint(4, 12)))


lines = list(sentences(1500))
with tempfile.TemporaryDirectory() as scratch:
    train = pathlib.Path(scratch) / "train.txt"
    train.write_text("".join(f"{label} {text}\n" for label, text in lines), encoding="utf-8")
    many = pathlib.Path(scratch) / "many.txt"  # an output matrix is quantised from 256 labels on
    many.write_text("".join(f"__label__n{i % 260} number{i % 260} of {i % 7}\n" for i in range(2600)), encoding="utf-8")
    common = dict(epoch=8, lr=0.1, thread=1, seed=3, verbose=0)
    grams = dict(minn=2, maxn=4, wordNgrams=2)

    def supervised(loss, path=train, **more):
        return fasttext.train_supervised(str(path), loss=loss, **{**common, **more})

    models = {
        "softmax.bin": supervised("softmax", dim=5, bucket=150, **grams),
        "hs.bin": supervised("hs", dim=4, bucket=100, **grams),
        "ns.bin": supervised("ns", dim=4, bucket=50, **grams),
        "ova.bin": supervised("ova", dim=3, bucket=50, **grams),
        "words.bin": supervised("softmax", dim=4, bucket=0, minn=0, maxn=0, wordNgrams=1),
    }
    models["softmax.ftz"] = supervised("softmax", dim=5, bucket=300, **grams)
    models["softmax.ftz"].quantize(str(train), qnorm=True, dsub=2, verbose=False)
    models["hs_pruned.ftz"] = supervised("hs", dim=5, bucket=700, **grams)
    models["hs_pruned.ftz"].quantize(str(train), qnorm=True, cutoff=280, dsub=2, verbose=False)
    models["plain_pruned.ftz"] = supervised("softmax", dim=3, bucket=700, **grams)
    models["plain_pruned.ftz"].quantize(str(train), qnorm=False, cutoff=280, dsub=2, verbose=False)
    models["qout.ftz"] = supervised("softmax", path=many, dim=4, bucket=50, minn=2, maxn=3)
    models["qout.ftz"].quantize(str(many), qnorm=True, qout=True, dsub=2, verbose=False)
    for name in ("cbow", "skipgram"):
        models[f"{name}.bin"] = fasttext.train_unsupervised(str(train), model=name, dim=2, bucket=10, epoch=1, minCount=40, thread=1, verbose=0)
    for name, model in models.items():
        model.save_model(str(out / name))

texts = [text for _, text in lines[:40]] + [
    "", " ", "the", "unseen words only: zzzz qqqq", "été", "die Flut </s> the tide came", "__label__eng_Latn tide", "__label__none tide", "a\tb\vc\fd\re",
    "nul\0inside the tide", "number7 of 3", "日本 潮", "\U0001f30a the tide \U0001f30a", "word " * 300, "x" * 400, "</s>", "number12", "\ufeffthe tide"]


def predicted(model, text, k=-1, threshold=0.0):
    found = model.f.predict(text + "\n", k, threshold, "strict")
    return [[label, score] for score, label in found]


rows = {}
for name in models:
    if name in ("cbow.bin", "skipgram.bin"):
        continue
    model = fasttext.load_model(str(out / name))
    k = 4 if name == "qout.ftz" else -1
    rows[name] = [predicted(model, text, k) for text in texts]
lid = fasttext.load_model(str(shared / "data/langid/lid.176.ftz"))
udhr = []
for path in sorted((shared / "data/udhr").glob("*.xml")):
    for number, line in enumerate(path.read_bytes().decode("utf-8").split("\n")):
        found = re.search(r"<para>(.*)</para>", line)
        if found and number % 9 == 0:
            udhr.append([path.name, number, predicted(lid, found.group(1), 3)])
print(json.dumps({"made_with": {"fasttext-wheel": importlib.metadata.version("fasttext-wheel")}, "texts": texts, "models": rows, "udhr": udhr},
                 ensure_ascii=False).replace("]], [[", "]],\n[["), file=open(out / "predictions.json", "w", encoding="utf-8"))
