"""How often `cairn tokenizer convert` gives the original's ids, when the `tokenizers` library reads what it wrote: all UDHR texts, for SentencePiece, tekken and
tiktoken files. One line a file. Not a test: it needs the Python libraries and files that are too large to keep.
Usage: check_conversion.py CAIRN SHARED [FILE ...]     (by default the files of ../shared and those that mistral-common brings)"""
import pathlib, subprocess, sys, tempfile

import mistral_common
import sentencepiece
import tiktoken
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from tiktoken.load import load_tiktoken_bpe
from tokenizers import Tokenizer

cairn, shared = sys.argv[1], pathlib.Path(sys.argv[2]) / "data"
brought = pathlib.Path(mistral_common.__file__).parent / "data"
files = [pathlib.Path(f) for f in sys.argv[3:]] or sorted(shared.glob("tokenizers/*.model")) + sorted(brought.glob("*model*")) + sorted(brought.glob("tekken*.json")) + [shared / "tokenizers/gpt2.tiktoken"]
texts = [f.read_text(encoding="utf-8") for f in sorted(shared.glob("udhr/*.xml"))]
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def encoder(file):
    if file.suffix == ".json":
        tekken = Tekkenizer.from_file(file)
        return lambda t: tekken.encode(t, bos=False, eos=False)
    if file.suffix == ".tiktoken":
        return tiktoken.Encoding("gpt2", pat_str=GPT2, mergeable_ranks=load_tiktoken_bpe(str(file)), special_tokens={"<|endoftext|>": 50256}).encode_ordinary
    return sentencepiece.SentencePieceProcessor(model_file=str(file)).encode


with tempfile.TemporaryDirectory() as folder:
    for file in files:
        subprocess.run([cairn, "-q", "tokenizer", "convert", file, "--to", folder], check=True, stdout=subprocess.DEVNULL)
        converted = Tokenizer.from_file(folder + "/tokenizer.json")
        converted.encode_special_tokens = True
        encode = encoder(file)
        same = sum(converted.encode(t, add_special_tokens=False).ids == encode(t) for t in texts)
        print(f"{file.name}: {same} of {len(texts)} texts with the same ids")
