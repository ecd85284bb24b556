#!/usr/bin/env python3
"""check_export.py CAIRN FOLDER [PROMPT]: is the model folder that cairn exported the same model for transformers?

Loads FOLDER with AutoModelForCausalLM and AutoTokenizer, compares the logits with those of `cairn logits`. Eight tokens that
transformers generates greedily must each be the most likely one in cairn's logits after all before it, and `cairn generate` at
temperature 0 must give the same eight. Exit status 0 when they agree, else 1 and a line that says what does not.
"""
import json
import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 2e-4
NEW_TOKENS = 8


def check(holds, message):
    if not holds:
        sys.exit(f"check_export: {message}")


def cairn_logits(cairn, folder, ids):
    with tempfile.TemporaryDirectory() as temporary:
        out = os.path.join(temporary, "logits.safetensors")
        subprocess.run([cairn, "logits", folder, "--ids", ",".join(map(str, ids)), "--out", out], check=True, cwd=temporary,
                       stdout=subprocess.DEVNULL)
        return load_file(out)["logits"]


def cairn_greedy(cairn, folder, prompt):
    with tempfile.TemporaryDirectory() as temporary:
        answer = subprocess.run([cairn, "generate", os.path.abspath(folder), prompt, "--temperature", "0", "--max-tokens",
                                 str(NEW_TOKENS), "--json"], check=True, cwd=temporary, stdout=subprocess.PIPE).stdout
    return [token["id"] for token in json.loads(answer)["tokens"]]


def main():
    cairn, folder = sys.argv[1:3]
    prompt = sys.argv[3] if len(sys.argv) > 3 else "The installer writes the files."
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    check(type(model).__name__ == "ApertusForCausalLM", f"loaded as {type(model).__name__}")
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        check(not loading[kind], f"{kind}: {sorted(loading[kind])}")
    model.eval()
    ids = tokenizer(prompt)["input_ids"]
    check(len(ids) > 1, f"the prompt has {len(ids)} tokens")
    tokens = torch.tensor([ids])
    with torch.no_grad():
        generated = model.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=NEW_TOKENS, do_sample=False)
        theirs = model(generated).logits[0]
    ours = cairn_logits(cairn, folder, generated[0].tolist())
    check(ours.shape == theirs.shape, f"logits have the shape {list(ours.shape)}, those of transformers {list(theirs.shape)}")
    worst = (ours - theirs).abs().max().item()
    check(worst <= TOLERANCE, f"logits differ by {worst:.3g}, more than {TOLERANCE:.0e}")
    expected = generated[0, len(ids):].tolist()
    found = ours[len(ids) - 1:-1].argmax(dim=-1).tolist()
    check(found == expected, f"the most likely tokens are {found}, transformers generates {expected}")
    # cairn leaves the end token out.
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    wanted = expected[:-1] if expected[-1] in ends else expected
    answered = cairn_greedy(cairn, folder, prompt)
    check(answered == wanted, f"cairn generate gives the tokens {answered}, transformers {wanted}")
    print(f"logits differ by at most {worst:.3g} over {generated.shape[1]} tokens; both generate the same {len(found)} tokens")


if __name__ == "__main__":
    main()
