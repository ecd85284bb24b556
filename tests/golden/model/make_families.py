"""Writes one tiny random model folder for each family that engine/model knows, with what transformers computes for it.
Each folder: config.json and weights as save_pretrained writes them (float32; bfloat16, float16 and shards where CASES says so),
and golden.safetensors: input_ids, positions, logits (float32 model), loss and the gradient of every parameter (float64 model).
The loss is the mean over the predicted tokens of cross-entropy(logits[:, t], ids[:, t+1]).
Usage: make_families.py OUT_DIR   (transformers 5.23.0, torch 2.15.0)"""
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from transformers import ApertusConfig, LlamaConfig, MistralConfig, Olmo2Config, Qwen2Config, Qwen3Config

LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
LINEAR = dict(rope_type="linear", rope_theta=5000.0, factor=4.0)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64)
PLAIN = dict(rope_type="default", rope_theta=1000.0)

# name: (configuration class, what differs from SHAPE, dtype of the stored weights, largest shard)
CASES = {
    "llama": (LlamaConfig, dict(attention_bias=True, mlp_bias=True, rope_parameters=LLAMA3), torch.float32, "5KB"),
    "llama_tied": (LlamaConfig, dict(tie_word_embeddings=True, rope_parameters=LINEAR), torch.float32, None),
    "mistral": (MistralConfig, dict(head_dim=12, sliding_window=None, rope_parameters=PLAIN), torch.float16, None),
    "qwen2": (Qwen2Config, dict(tie_word_embeddings=True, rope_parameters=YARN), torch.bfloat16, None),
    "qwen3": (Qwen3Config, dict(head_dim=12, rope_parameters=PLAIN), torch.float32, None),
    "olmo2": (Olmo2Config, dict(rope_parameters=PLAIN), torch.float32, None),
    "apertus_relu2": (ApertusConfig, dict(hidden_act="relu2", attention_bias=True, rope_parameters=LLAMA3), torch.float32, None),
}
SHAPE = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=20,
             vocab_size=40, max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=3)


def randomise(model, seed):
    """Every parameter gets a value that matters: no norm weight stays 1, no bias 0."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            n = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                p.copy_(0.3 * n if name.endswith("bias") else 1 + 0.3 * n)
            else:
                p.copy_(n * (0.7 if "embed_tokens" in name else 1.2 / p.shape[1] ** 0.5))


def main(out):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for seed, (name, (config_class, differs, dtype, shard)) in enumerate(CASES.items()):
        folder = out / name
        config = config_class(**{**SHAPE, **differs}, attn_implementation="eager")
        model = AutoModelForCausalLM.from_config(config).float()
        randomise(model, 100 + seed)
        model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
        (folder / "generation_config.json").unlink()

        load = lambda d: AutoModelForCausalLM.from_pretrained(folder, dtype=d, attn_implementation="eager").eval()
        g = torch.Generator().manual_seed(seed)
        ids = torch.randint(4, SHAPE["vocab_size"], (2, 11), generator=g)  # ids 0..3 (unk, bos, eos, pad) are left out
        positions = (torch.arange(11) * 17).expand(2, 11)  # far apart: rescaled frequencies show
        with torch.no_grad():
            logits = load(torch.float32)(ids, position_ids=positions, attention_mask=torch.ones_like(ids)).logits
        exact = load(torch.float64)
        loss = exact(ids, position_ids=positions, attention_mask=torch.ones_like(ids), labels=ids).loss
        loss.backward()
        c = lambda t: t.detach().contiguous().clone()
        golden = {"input_ids": c(ids), "positions": c(positions), "logits": c(logits), "loss": loss.detach().reshape(1)}
        golden.update({f"grad.{k}": c(p.grad.float()) for k, p in exact.named_parameters()})
        save_file(golden, folder / "golden.safetensors")
        print(name, sum(p.numel() for p in exact.parameters()), "parameters, loss", loss.item())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
