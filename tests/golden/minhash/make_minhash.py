"""Signatures of the hashes "cairn" (docs/format/minhash.md), in plain Python integers: coefficients by Philox-4x32-10, shingles by the xxhash package.
The texts are simple ones, whose words are what str.split gives. Usage: make_minhash.py > minhash.json   (needs xxhash)"""
import hashlib, json, sys

import xxhash

M32, M64 = (1 << 32) - 1, (1 << 64) - 1
TEXTS = ["the quick brown fox jumps over the lazy dog", "one two three four five", " ".join(f"w{chr(97 + i * i % 26)}" for i in range(200))]


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & M32, (p0 >> 32) ^ c[3] ^ k[1], p0 & M32]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return c


def bits(seed, purpose, index):
    p = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little")
    c = philox([index & M32, index >> 32, p & M32, p >> 32], [seed & M32, seed >> 32])
    return c[0] | c[1] << 32


def signature(text, seed, values):
    words = text.split()
    x = [xxhash.xxh64_intdigest(" ".join(words[i:i + 5])) for i in range(len(words) - 4)]
    a = [bits(seed, "minhash", 2 * i) | 1 for i in range(values)]
    b = [bits(seed, "minhash", 2 * i + 1) for i in range(values)]
    return [min((s * v + w) & M64 for v in x) for s, w in zip(a, b)]


json.dump({"philox_zero": philox([0] * 4, [0] * 2), "texts": [{"text": t, "seed": s, "signature": signature(t, s, 112)} for t in TEXTS for s in (1, 7)],
           "xxh32": {t: xxhash.xxh32_intdigest(t) for t in ("", "a", "abc", "the quick brown fox jumps", "0123456789abcdef0123456789")}}, sys.stdout)
