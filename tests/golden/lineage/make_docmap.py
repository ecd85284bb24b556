"""Prints the worked example of docs/format/docmap.md, written from that page alone (not from lineage/docmap.cpp). Usage: make_docmap.py"""
import hashlib, struct


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def zigzag(n):
    return varint(2 * n if n >= 0 else -2 * n - 1)


docs = [(3, 0, 0, 0, b"\x22" * 16), (300, 0, 0, 1, b"\x11" * 16), (5, 1, 0, 4, b"\x33" * 16)]   # tokens, source, parent, ordinal, key
sources = [("a.example", 2, 303, 0, 1), ("b.example", 1, 5, 2, 2)]
parent = ("documents-00000.jsonl.zst", hashlib.sha256(b"").digest())

lengths = b"".join(varint(d[0]) for d in docs)
runs = zigzag(0) + varint(2) + zigzag(1) + varint(1)
pointers = zigzag(0) + zigzag(0) + varint(2) + zigzag(0) + zigzag(4 - 2) + varint(1)
keys = b"".join(d[4] for d in docs)
block = [("bytes of the three columns", struct.pack("<3I", len(lengths), len(runs), len(pointers))), ("lengths 3, 300, 5", lengths),
         ("sources: +0 for 2 documents, +1 for 1", runs), ("pointers: parent +0, ordinal +0, 2 documents; +0, +2, 1", pointers)]
block += [(f"key of document {i}", d[4]) for i, d in enumerate(docs)]
table = []
for name, *numbers in sources:
    table.append((f"{name}: documents, tokens, first, last", varint(len(name)) + name.encode() + b"".join(map(varint, numbers))))
table += [("digest of the parent file", parent[1]), ("its name", varint(len(parent[0])) + parent[0].encode())]
tables_at = 80 + sum(len(b) for _, b in block)
index_at = tables_at + sum(len(b) for _, b in table)
order_at = index_at + 24
rows = [("magic", b"CAIRNDM1"), ("documents in a block, flags", struct.pack("<2I", 65536, 0)), ("documents, tokens", struct.pack("<2Q", 3, 308)),
        ("sources, parents", struct.pack("<2Q", 2, 1)), ("blocks, offset of the tables", struct.pack("<2Q", 1, tables_at)),
        ("offsets of block index and key order", struct.pack("<2Q", index_at, order_at))] + block + table
rows += [("block 0: first document, first token, offset", struct.pack("<3Q", 0, 0, 80)), ("documents by key: 1, 0, 2", struct.pack("<3I", 1, 0, 2))]
at = 0
for what, data in rows:
    for i in range(0, len(data), 16):
        print(f"{at:04x}: {data[i:i + 16].hex(' '):<47} | {what if i == 0 else ''}".rstrip())
        at += len(data[i:i + 16])
