"""The scan statistic the slow and obvious way: every window, counted one event at a time."""

from math import log


def ratio(count, expected, total):
    if count <= expected or expected <= 0:
        return 0.0
    rest = (total - count) * log((total - count) / (total - expected)) if count < total else 0.0
    return count * log(count / expected) + rest


def windows(stamps, edges, shares, lengths):
    """Every window of two events or more, in the order in which equals are told apart."""
    found = []
    for length in lengths:
        for start in sorted(set(stamps)):
            count = sum(start <= t <= start + length - 1 for t in stamps)
            expected = 0.0
            for left, right, share in zip(edges, edges[1:], shares, strict=False):
                overlap = min(right, start + length) - max(left, start)
                expected += len(stamps) * share * max(overlap, 0) / (right - left)
            if count >= 2:
                found.append((start, length, count, expected, ratio(count, expected, len(stamps))))
    return found


def runs(counts, expected, longest):
    """Every run of bins, by start and then by length."""
    return [
        (i, j - i, sum(counts[i:j]), sum(expected[i:j]), ratio(sum(counts[i:j]), sum(expected[i:j]), sum(counts)))
        for i in range(len(counts))
        for j in range(i + 1, min(i + longest, len(counts)) + 1)
    ]


def first_of_the_largest(found):
    largest = max((w[4] for w in found), default=0.0)
    return next(w for w in found if w[4] >= largest - 1e-9) if largest > 1e-9 else None


def clusters(found, threshold):
    left, chosen = [w for w in found if w[4] > threshold], []
    while left:
        top = first_of_the_largest(left)
        chosen.append(top)
        left = [w for w in left if w[0] + w[1] <= top[0] or top[0] + top[1] <= w[0]]
    return chosen
