"""Golden of the chat template: what transformers renders of the Jinja text in engine/text/chat.cpp -> chat.json.
Usage: make_chat.py SOURCE_ROOT OUT     (needs transformers and the cases.json beside this file)"""
import json, pathlib, sys, tempfile

from transformers import PreTrainedTokenizerFast

root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
source = (root / "engine/text/chat.cpp").read_text(encoding="utf-8")
template = source[source.index('R"JINJA(') + 8:source.index(')JINJA"')]

CASES = [
    ([("user", "Hi")], True, False), ([("system", "S"), ("user", "Hi")], True, False), ([("system", "S"), ("user", "Hi")], False, True),
    ([("system", "S"), ("developer", "D"), ("user", "Hi"), ("assistant", "A"), ("user", "B")], True, False),
    ([("user", "Hi"), ("assistant", "A")], False, False), ([("user", "Hi"), ("assistant", "A")], True, False),
    ([("user", "Hi"), ("assistant", "A"), ("assistant", "B"), ("user", "C"), ("assistant", "")], False, False),
    ([("user", "  lines\n\nand  spaces \n"), ("assistant", "\n"), ("user", "{{ x }} {% y %} <b>&amp;</b> Gr\u00fcezi \u65e5\u672c")], True, True),
    ([("user", "Hi"), ("user", "again"), ("system", "late")], True, False), ([("system", ""), ("user", "")], True, False),
]

cases_json = json.loads((pathlib.Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
with tempfile.TemporaryDirectory() as folder:
    (pathlib.Path(folder) / "tokenizer.json").write_text(json.dumps(cases_json["cases"][0]["tokenizer"]))
    (pathlib.Path(folder) / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}))
    tok = PreTrainedTokenizerFast.from_pretrained(folder)
rows = []
for messages, prompt, thinking in CASES:
    messages = [{"role": r, "content": c} for r, c in messages]
    text = tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt, enable_thinking=thinking, date_string="2026-11-24")
    rows.append({"messages": messages, "prompt": prompt, "thinking": thinking, "date": "2026-11-24", "text": text})
(out / "chat.json").write_text(json.dumps({"template": template, "cases": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
