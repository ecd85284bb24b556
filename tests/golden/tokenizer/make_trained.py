"""Golden of a tokenizer that we trained: its folder (the test case "files load in transformers" says which) is loaded by `transformers` and `tokenizers`, which
give the ids of texts and of a conversation -> trained.json. Usage: make_trained.py TOKENIZER_FOLDER OUT"""
import hashlib, json, pathlib, sys

from transformers import AutoTokenizer

folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
here = pathlib.Path(__file__).parent
tok = AutoTokenizer.from_pretrained(str(folder))
texts = json.loads((here / "cases.json").read_text(encoding="utf-8"))["texts"]
rows = [{"parse": tok(t, add_special_tokens=False)["input_ids"], "with_bos": tok(t)["input_ids"]} for t in texts]
chats = []
for case in json.loads((here / "chat.json").read_text(encoding="utf-8"))["cases"]:
    ids = tok.apply_chat_template(case["messages"], add_generation_prompt=case["prompt"], enable_thinking=case["thinking"], date_string=case["date"], return_dict=False)
    chats.append(ids)
json.dump({"sha256": hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest(), "special": [tok.bos_token_id, tok.eos_token_id, tok.unk_token_id, tok.pad_token_id],
           "rows": rows, "chats": chats}, open(out / "trained.json", "w"), separators=(",", ":"))
