"""What jieba makes of texts with an invented dictionary and an invented model: chinese.json, to hold ChineseWords against.

    python make_chinese.py > chinese.json      # needs jieba

Nothing of jieba's own data is used: the dictionary has a few words with invented numbers, the model is drawn."""
import json, logging, random, tempfile

import jieba
from jieba import finalseg

jieba.setLogLevel(logging.CRITICAL)
random.seed(7)
characters = "中国人民大学生活动物园林木头发现在家里"
dictionary = {c: random.randint(1, 900) for c in characters[:14]}
dictionary.update({"中国": 500, "国人": 60, "人民": 400, "大学": 300, "大学生": 90, "学生": 310, "生活": 280, "活动": 270, "动物": 150, "动物园": 40,
                   "园林": 35, "木头": 20, "头发": 55, "发现": 120, "现在": 600, "C++": 7, "A股": 3, "中国人民大学": 1, "家里": 0, "3.5%": 2})
model = {"start": {"B": -0.3, "E": -3.14e100, "M": -3.14e100, "S": -1.4},
         "trans": {"B": {"E": -0.5, "M": -0.9}, "E": {"B": -0.6, "S": -0.8}, "M": {"E": -0.35, "M": -1.25}, "S": {"B": -0.7, "S": -0.7}},
         "emit": {state: {c: -random.uniform(2, 9) for c in characters if random.random() < 0.9} for state in "BEMS"}}
lines = [f"{word} {number}" + (" n" if number % 2 else "") for word, number in dictionary.items()]
with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
    file.write("\n".join(lines) + "\n")
    file.flush()
    tokenizer = jieba.Tokenizer(file.name)
    finalseg.start_P, finalseg.trans_P, finalseg.emit_P = model["start"], model["trans"], model["emit"]
    finalseg.Force_Split_Words.clear()
    texts = ["中国人民大学", "大学生活动物园林木头发现在家里", "他用C++写了3.5%的代码,A股A股x1.25%家里。", "a-b 3.5 1.2.3 %%人..人 #1&2", "\u3000空格\r\n\t里 ", "",
             "é人Ω民x", "123.45.6%abc.def人", "𠀀𠀁中国"]
    texts += ["".join(random.choice(characters + "他她。ab1 .%") for _ in range(60)) for _ in range(120)]
    # At once: jieba reads the model's names when it cuts.
    words = [[w.strip() for w in tokenizer.cut(text) if w.strip()] for text in texts]
print(json.dumps({"made_with": {"jieba": jieba.__version__}, "dictionary": lines, "model": model, "texts": texts, "words": words},
                 ensure_ascii=False, indent=0))
