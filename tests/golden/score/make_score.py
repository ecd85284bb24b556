"""A tiny random XLM-RoBERTa with its tokenizer (encoder/), two heads (*.safetensors), and what transformers, torch, datatrove and xxhash make of
some texts with them (scores.json): token windows as Hugging Face tokenizers cut them (512 tokens there, 16 here, overflow kept, no stride), mean hidden
states, quality by the first window, toxicity by the worst of all; hashed word features and a head over them.
Usage: make_score.py OUT_FOLDER      (needs torch, transformers, tokenizers, safetensors, datatrove, xxhash)"""
import importlib.metadata, json, pathlib, sys
from collections import Counter

import torch, xxhash
from datatrove.utils.text import TextNormConfig, simplify_text
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

out = pathlib.Path(sys.argv[1])
torch.manual_seed(11)
TEXTS = ["The tide came in slowly that evening, and nobody on the pier had expected the boat.", "Die Flut kam an jenem Abend langsam; niemand auf dem Steg hatte das Boot erwartet.",
         "La marée montait lentement ce soir.", "", "One", "It was 3 o'clock, or 4.5. " * 9, "Möwen über dem Steg! Möwen über dem Meer?", "潮はその夕方ゆっくり満ちて"]

tok = Tokenizer(models.Unigram())
tok.normalizer = normalizers.NFKC()
tok.pre_tokenizer = pre_tokenizers.Metaspace()
tok.decoder = decoders.Metaspace()
special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
tok.train_from_iterator(TEXTS, trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>"))
tok.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
vocabulary = tok.get_vocab_size()
config = XLMRobertaConfig(vocab_size=vocabulary, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=18,
                          type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5)
model = XLMRobertaModel(config, add_pooling_layer=False).eval()
with torch.no_grad():  # far from the initial small weights, so that every part shows
    for name, p in model.named_parameters():
        p.copy_(torch.randn_like(p) * (0.3 if p.dim() == 2 else 0.2) + (1 if "LayerNorm.weight" in name else 0))
model.save_pretrained(out / "encoder")
tok.save(str(out / "encoder" / "tokenizer.json"))
(out / "encoder" / "generation_config.json").unlink(missing_ok=True)

quality = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1)).eval()
toxicity = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 2)).eval()
hashed = torch.nn.Sequential(torch.nn.Linear(64, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)).eval()
with torch.no_grad():
    for head in (quality, toxicity, hashed):
        for p in head.parameters():
            p.mul_(2)
    hashed[0].bias.add_(1)  # no unit is dead for all texts
for name, head in (("quality", quality), ("toxicity", toxicity), ("hashed", hashed)):
    save_file({k: v.contiguous() for k, v in head.state_dict().items()}, out / f"{name}.safetensors")

fast = PreTrainedTokenizerFast(tokenizer_object=tok, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>")
rows = []
with torch.no_grad():
    for text in TEXTS:
        batch = fast(text, truncation=True, max_length=16, return_overflowing_tokens=True, stride=0, padding="max_length", return_tensors="pt")
        batch = {k: batch[k] for k in ("input_ids", "attention_mask")}
        hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        means = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        words = simplify_text(text, TextNormConfig()).split()
        counts = Counter(xxhash.xxh64_intdigest(" ".join(words[i:i + n])) % 64 for n in (1, 2) for i in range(len(words) - n + 1))
        x = torch.zeros(64)
        for bucket, count in counts.items():
            x[bucket] = count
        if counts:
            x = x / x.norm()
        rows.append({"text": text, "windows": [[int(t) for t, m in zip(ids, m) if m] for ids, m in zip(batch["input_ids"], batch["attention_mask"])],
                     "means": [[round(float(v), 6) for v in mean] for mean in means], "quality": float(torch.sigmoid(quality(means[0]))[0]),
                     "toxicity": max(float(torch.softmax(toxicity(mean), -1)[1]) for mean in means),
                     "features": [[b, round(float(x[b]), 6)] for b in sorted(counts)], "hashed": float(torch.sigmoid(hashed(x))[0])})
versions = {p: importlib.metadata.version(p) for p in ("torch", "transformers", "tokenizers", "datatrove")}
(out / "scores.json").write_text(json.dumps({"made_with": versions, "rows": rows}, ensure_ascii=False).replace("}, {", "},\n{"), encoding="utf-8")
