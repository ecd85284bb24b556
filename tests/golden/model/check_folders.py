#!/usr/bin/env python3
"""check_folders.py FOLDER: does transformers load the model folders under FOLDER (FAMILY/FORM, as cairn wrote them) as the models of
this folder? Compares logits with golden.safetensors of each. Exit status 0 when they agree, else 1 and a line that says what does not."""
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

here = pathlib.Path(__file__).parent
for folder in sorted(pathlib.Path(sys.argv[1]).glob("*/*")):
    golden = load_file(here / folder.parent.name / "golden.safetensors")
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    if info["missing_keys"] or info["unexpected_keys"]:
        sys.exit(f"check_folders: {folder}: missing {info['missing_keys']}, unexpected {info['unexpected_keys']}")
    ids = golden["input_ids"]
    with torch.no_grad():
        logits = model.eval()(ids, position_ids=golden["positions"], attention_mask=torch.ones_like(ids)).logits
    off = (logits - golden["logits"]).abs().max().item()
    if off > 1e-5:
        sys.exit(f"check_folders: {folder}: logits are off by {off}")
    print(folder, type(model).__name__, "off by", off)
