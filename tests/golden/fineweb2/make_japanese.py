"""What datatrove's Japanese tokenizer (spaCy's, on Sudachi) makes of texts with an invented dictionary: japanese.json, to hold JapaneseWords against.

    python make_japanese.py > japanese.json      # needs datatrove, spacy, sudachipy 0.7

Nothing of Sudachi's own data is used: the dictionary has a few common words with drawn costs, and so has the matrix; classes of characters, made-up words and
rewritings are written here. `sudachipy build` makes system.dic of them, which stands in base64."""
import base64, importlib.metadata, json, pathlib, random, subprocess, sys, tempfile

random.seed(11)
IDS = 9
NOUN, NUMERAL, VERB, PARTICLE, SIGN = "名詞,普通名詞,一般,*,*,*", "名詞,数詞,*,*,*,*", "動詞,一般,*,*,五段-カ行,終止形-一般", "助詞,格助詞,*,*,*,*", "補助記号,一般,*,*,*,*"
words = {}
for w in "東京 京都 都 東 京 日本 日 本 語 日本語 人 国 国民 民 大学 学生 大 学 生 気 天気 天 今日 山 川 火山 田 山田".split():
    words[w] = NOUN
for w in "アイ アイス アイスクリーム スク クリーム コン ピュ コンピュータ カ カー カード ド ッ ト".split():
    words[w] = NOUN
for w in "行く 書く 聞く".split():
    words[w] = VERB
for w in "が を に は の と も で".split():
    words[w] = PARTICLE
for w in "0 1 2 3 4 5 6 7 8 9 一 二 三 四 五 六 七 八 九 十 百 千 万 億 〇".split():
    words[w] = NUMERAL
for w in "。 、 . , ( ) ・ ー 「 」 -".split():
    words[w] = SIGN
words["abc"] = words["a"] = words["é"] = NOUN
words["さん"] = words["か"] = words["かん"] = NOUN
parts = {"東京都": ["東京", "都"], "日本国民": ["日本", "国民"], "大学生": ["大学", "生"], "日本語学生": ["日本", "語", "学生"], "アイスカード": ["アイス", "カード"]}
for w in parts:
    words[w] = NOUN
other_forms = {"0": "〇", "〇": "0", "十": "10", "、": ","}  # normal forms that are other words; 10 is none and stands for itself


def reading(w):
    return "".join(f"ア{'イウエオカキクケコ'[ord(c) % 9]}" for c in w)


rows = ["index_form,left_id,right_id,cost,headword,pos1,pos2,pos3,pos4,pos5,pos6,reading_form,normalized_form,dictionary_form,split_a,split_b,split_c,word_structure,synonym_groups"]
for w, pos in words.items():
    for _ in range(1 if random.random() < 0.8 or w in parts else 2):
        ref = lambda p: f"{p},{words[p]},{reading(p)}"
        split = "/".join(ref(p) for p in parts[w]) if w in parts else ""
        two = split if w in parts and len(parts[w]) == 2 else ""  # of which mode B is made, too
        normal = other_forms.get(w, "")
        cell = lambda s: '"' + s + '"' if "," in s else s
        rows.append(",".join([cell(w), str(random.randrange(1, IDS)), str(random.randrange(1, IDS)), str(random.randrange(500, 9000)), "", pos, reading(w), cell(normal) if normal in words else "", "", cell(split), cell(two), "", "", ""]))
matrix = [f"{IDS} {IDS}"] + [f"{x} {y} {random.randrange(-3000, 3000)}" for x in range(IDS) for y in range(IDS)]
char_def = """# name always grouped most
DEFAULT 0 1 0
SPACE 0 1 0
KANJI 0 0 2
SYMBOL 1 1 0
NUMERIC 1 1 0
ALPHA 1 1 0
HIRAGANA 0 1 2
KATAKANA 1 1 2
KANJINUMERIC 0 1 0
GREEK 1 1 0
0x0020 SPACE  # a blank
0x000A SPACE
0x0021..0x002F SYMBOL
0x0030..0x0039 NUMERIC
0x003A..0x0040 SYMBOL
0x0041..0x005A ALPHA
0x0061..0x007A ALPHA
0x00C0..0x00FF ALPHA
0x0391..0x03C9 GREEK
0x0300..0x036F ALL NOOOVBOW
0x200D ALL NOOOVBOW NOOOVEOW
0x3041..0x309F HIRAGANA
0x30A1..0x30FF KATAKANA
0x30FC NOOOVBOW
0x30A1 NOOOVBOW
0x30C3 NOOOVBOW
0x4E00..0x9FFF KANJI
0x3007 KANJI KANJINUMERIC
""" + "".join(f"0x{ord(c):X} KANJINUMERIC\n" for c in "一二三四五六七八九十百千万億")
unk = {"DEFAULT": SIGN, "SPACE": SIGN, "KANJI": NOUN, "SYMBOL": SIGN, "NUMERIC": NUMERAL, "ALPHA": NOUN, "HIRAGANA": NOUN, "KATAKANA": NOUN, "KANJINUMERIC": NUMERAL, "GREEK": NOUN}
unk_def = "".join(f"{c},{random.randrange(1, IDS)},{random.randrange(1, IDS)},{random.randrange(6000, 16000)},{pos}\n" for c, pos in unk.items() for _ in range(2 if c in ("KATAKANA", "KANJI") else 1))
rewrite_def = "# left alone\nⅣ\n# replaced\nウ゛\tヴ\nか゛\tが\nか゛゛\tガ\nは゜\tぱ\n"
settings = {"characterDefinitionFile": "char.def",
            "inputTextPlugin": [{"class": "com.worksap.nlp.sudachi.DefaultInputTextPlugin"},
                                {"class": "com.worksap.nlp.sudachi.ProlongedSoundMarkPlugin", "prolongedSoundMarks": ["ー", "-", "〜"], "replacementSymbol": "ー"},
                                {"class": "com.worksap.nlp.sudachi.IgnoreYomiganaPlugin", "leftBrackets": ["(", "（"], "rightBrackets": [")", "）"], "maxYomiganaLength": 4}],
            "oovProviderPlugin": [{"class": "com.worksap.nlp.sudachi.MeCabOovPlugin", "charDef": "char.def", "unkDef": "unk.def"},
                                  {"class": "com.worksap.nlp.sudachi.SimpleOovPlugin", "oovPOS": SIGN.split(","), "leftId": 8, "rightId": 8, "cost": 12000}],
            "pathRewritePlugin": [{"class": "com.worksap.nlp.sudachi.JoinNumericPlugin", "enableNormalize": True},
                                  {"class": "com.worksap.nlp.sudachi.JoinKatakanaOovPlugin", "oovPOS": NOUN.split(","), "minLength": 3}]}

pieces = list(words) + ["ァ", "ィ", "ヴ", "ウ゛", "か゛", "か゛゛", "は゜", "(かん)", "（ト）", "(", "）", "３", "Ａ", "É", "Ω", "ω", "①", "㌔", "Ⅳ", "İ", "\u0301", "\u200d", " ", "\u3000", "\n", "ーーー", "〜-", "1,234", "12,34", "3.14", "1.2.3", "二千三百", "5万", ",", ".", "😀", "ﬁ", "ﾄﾞ", "xyz", "龍", "鬱"]
texts = ["", " ", "\n", "東京都に行く", "山田(かん)さん", "日本語学生", "3.", "1,23.", "ァァァァ", "ーーーー"]
for _ in range(700):
    texts.append("".join(random.choice(pieces) for _ in range(random.choice((1, 3, 8, 25, 70)))))
texts.append("".join(random.choice(pieces) for _ in range(12000)))  # of more than one stretch

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "lex.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "matrix.def").write_text("\n".join(matrix) + "\n")
    files = {"char.def": char_def, "unk.def": unk_def, "rewrite.def": rewrite_def, "sudachi.json": json.dumps(settings, ensure_ascii=False)}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    subprocess.run([pathlib.Path(sys.executable).parent / "sudachipy", "build", "-m", folder / "matrix.def", "-o", folder / "system.dic", folder / "lex.csv"], check=True, stdout=sys.stderr)
    from sudachipy import dictionary, tokenizer
    sudachi = dictionary.Dictionary(config_path=str(folder / "sudachi.json"), resource_dir=str(folder), dict=str(folder / "system.dic")).create(mode=tokenizer.Tokenizer.SplitMode.A)
    from datatrove.utils.word_tokenizers import SpaCyTokenizer
    japanese = SpaCyTokenizer("ja")
    japanese.tokenizer.tokenizer.tokenizer = sudachi
    found = [japanese.word_tokenize(t) for t in texts]
    packages = ("datatrove", "spacy", "sudachipy")
    print(json.dumps({"made_with": {p: importlib.metadata.version(p) for p in packages}, "dictionary": base64.b64encode((folder / "system.dic").read_bytes()).decode(), "files": files,
                      "texts": texts, "words": found}, ensure_ascii=False, indent=0))
