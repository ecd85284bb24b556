"""The sample order of docs/format/permutation.md, written from that page alone: prints the two tables of its test vectors.
Usage: make_permutation.py > vectors.txt, then paste between the code fences of the page."""

from fractions import Fraction
from math import gcd, lcm

MASK32 = 0xFFFFFFFF


def philox4x32_10(counter, key):
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & MASK32, (p0 >> 32) ^ c[3] ^ k1, p0 & MASK32]
        k0, k1 = (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32
    return c


assert philox4x32_10([0] * 4, (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def permuted(seed, samples, epoch, value):
    h = 1
    while 4**h < samples:
        h += 1
    key = (seed & MASK32 ^ 0x706D6173, seed >> 32 ^ 0x6564726F)
    while True:
        left, right = value >> h, value & (1 << h) - 1
        for r in range(8):
            f = philox4x32_10([right, r, epoch & MASK32, epoch >> 32], key)[0] & (1 << h) - 1
            left, right = right, left ^ f
        value = left << h | right
        if value < samples:
            return value


def sample_at(seed, samples, position):
    return permuted(seed, samples, *divmod(position, samples))


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


def apportion(n, weights):
    shares = [Fraction(n) * w / sum(weights) for w in weights]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(weights)), key=lambda d: counts[d] - shares[d])
    for d in by_remainder[: n - sum(counts)]:
        counts[d] += 1
    return counts


def turn(counts, g):
    a, b = 0, len(counts)
    while b - a > 1:
        m = (a + b) // 2
        left, whole = sum(counts[a:m]), sum(counts[a:b])
        c = lambda x: (x * left + whole // 2) // whole
        if c(g + 1) > c(g):
            g, b = c(g), m
        else:
            g, a = g - c(g), m
    return a, g


def tokens_in_order(seed, tokens, stages):
    """For each stage (T, n) the first tokens of its samples, by rank: simulated, one sample after another."""
    lengths = [T for T, n in stages if n]
    U, u = lcm(*lengths), gcd(*lengths)
    blocks = (tokens - 1) // U
    rest = (tokens - 1 - blocks * U) // u * u
    lines = {}

    def line(epoch):  # stream token of each multiple of u on the line
        if epoch not in lines:
            starts = [permuted(seed, blocks, epoch, i) * U for i in range(blocks)]
            lines[epoch] = [s + t for s in starts for t in range(0, U, u)] + [blocks * U + t for t in range(0, rest, u)]
        return lines[epoch]

    epoch, at, result = 0, 0, []
    for s, (T, n) in enumerate(stages):
        segments = []
        for i in range(n):
            if i == 0:
                at = -(-at // T) * T
            if at + T > blocks * U + rest:
                epoch, at = epoch + 1, 0
            if i == 0 or at == 0:
                segments.append([])
            segments[-1].append(line(epoch)[at // u])
            at += T
        if U == u:
            result.append([t for segment in segments for t in segment])
        else:
            key = (seed + 0x7374616765000000) % 2**64
            result.append([segment[permuted(key, len(segment), (s << 48) + j, i)] for j, segment in enumerate(segments) for i in range(len(segment))])
    return result


inputs, stages = [1000, 300, 77], [(8, 40, [Fraction(5, 10), Fraction(3, 10), Fraction(2, 10)]), (16, 25, [Fraction(7, 10), Fraction(3, 10), Fraction(0)]),
                                   (8, 60, [Fraction(1)] * 3)]
counts = [apportion(n, weights) for _, n, weights in stages]
orders = [tokens_in_order((28 + d * 0x9E3779B97F4A7C15) % 2**64, size, [(T, counts[s][d]) for s, (T, _, _) in enumerate(stages)]) for d, size in enumerate(inputs)]
print("\nstage position input rank token")
for s, (_, n, _) in enumerate(stages):
    for position in [*range(6), n // 2, n // 2 + 1, n - 3, n - 2, n - 1]:
        d, rank = turn(counts[s], position)
        print(f"{s:<5} {position:<8} {d:<5} {rank:<4} {orders[d][s][rank]}")
