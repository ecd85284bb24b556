"""The sample order of docs/format/permutation.md, written from that page alone: prints the table of its test vectors.
Usage: make_permutation.py > vectors.txt, then paste between the code fences of the page."""

MASK32 = 0xFFFFFFFF


def philox4x32_10(counter, key):
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & MASK32, (p0 >> 32) ^ c[3] ^ k1, p0 & MASK32]
        k0, k1 = (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32
    return c


assert philox4x32_10([0] * 4, (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def sample_at(seed, samples, position):
    h = 1
    while 4**h < samples:
        h += 1
    epoch, value = divmod(position, samples)
    key = (seed & MASK32 ^ 0x706D6173, seed >> 32 ^ 0x6564726F)
    while True:
        left, right = value >> h, value & (1 << h) - 1
        for r in range(8):
            f = philox4x32_10([right, r, epoch & MASK32, epoch >> 32], key)[0] & (1 << h) - 1
            left, right = right, left ^ f
        value = left << h | right
        if value < samples:
            return value


assert sorted(sample_at(7, 1000, 3000 + i) for i in range(1000)) == list(range(1000))
print("seed                 samples              position             sample")
for seed, samples, positions in [
    (7, 1, [0, 5]),
    (9, 5, [0, 1, 2, 3, 4, 5, 6]),
    (7, 1000, [0, 1, 999, 1000, 1001]),
    (0, 65536, [0, 65535, 65536]),
    (18446744073709551615, 3662109375, [0, 1, 3662109374, 3662109375]),
    (28, 4611686018427387904, [0, 1, 4611686018427387903]),
]:
    for p in positions:
        print(f"{seed:<20} {samples:<20} {p:<20} {sample_at(seed, samples, p)}")
