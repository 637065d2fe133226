"""Compiled loops of the scan statistic: events placed at random, windows counted, the largest ratio kept.

Windows are ruled out before any logarithm. With c events, mu expected, N in all and c > mu, log x <= (x - 1/x)/2 for
x >= 1 and log y <= y - 1 give

    c log(c/mu) + (N-c) log((N-c)/(N-mu))  <=  (c-mu)^2 (N+mu) / (2 mu (N-mu)),

which costs neither a logarithm nor a division once multiplied out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TIE = 1e-9  # ratios that differ by less are equal but for rounding
PILOTS = 16  # replicates scanned in full at the start of a batch

# nogil: `scan` runs batches of replicates on threads of its own. numba's threading layer is not used, since it
# differs between machines, is not safe from several threads everywhere, and takes seconds to compile.
compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def ratio(count, expected, total):
    """c log(c/mu) + (N-c) log((N-c)/(N-mu)) where c > mu, else 0."""
    if count <= expected or expected <= 0.0:
        return 0.0
    value = count * np.log(count / expected)
    if count < total:
        value += (total - count) * np.log((total - count) / (total - expected))
    return value


@compiled
def ratios(counts, expected, total):
    """The ratio of each window."""
    out = np.empty(counts.size)
    for i in range(counts.size):
        out[i] = ratio(counts[i], expected[i], total)
    return out


@compiled
def _cannot_exceed(best, count, expected, total):
    """Does the bound above rule the window out? Also true where nothing or less than nothing is in excess."""
    excess = count - expected
    if excess <= 0.0 or expected <= 0.0:
        return True
    return excess * excess * (total + expected) <= 2.0 * best * expected * (total - expected)


@compiled
def _paces(edges, cumulative):
    """Events expected a second in each step; none after the last edge."""
    pace = np.zeros(edges.size)
    for k in range(edges.size - 1):
        if edges[k + 1] > edges[k]:
            pace[k] = (cumulative[k + 1] - cumulative[k]) / (edges[k + 1] - edges[k])
    return pace


@compiled
def _before(t, k, edges, cumulative, pace):
    """Events expected before instant t in step k."""
    return cumulative[k] + pace[k] * max(t - edges[k], 0.0)


@compiled
def _step(t, k, edges):
    """The step of instant t, no earlier than step k; 0 before the first edge."""
    while k < edges.size - 1 and edges[k + 1] <= t:
        k += 1
    return k


@compiled
def events_maximum(stamps, edges, cumulative, lengths):
    """Largest ratio over windows [t_i, t_i + W) anchored at each distinct stamp.

    `stamps` sorted; `cumulative` expected events before each edge, straight between them. Returns the
    ratio, index of the first stamp (-1: no window), index of the length, count, events expected.
    """
    n, pace = stamps.size, _paces(edges, cumulative)
    best, best_i, best_w, best_c, best_mu = 0.0, -1, -1, 0, 0.0
    for w in range(lengths.size):
        j = k = last = 0
        for i in range(n):
            if i > 0 and stamps[i] == stamps[i - 1]:
                continue
            end = stamps[i] + lengths[w]
            while j < n and stamps[j] < end:
                j += 1
            count = j - i
            if count < 2:
                continue
            k, last = _step(stamps[i], k, edges), _step(end, last, edges)
            expected = _before(end, last, edges, cumulative, pace) - _before(stamps[i], k, edges, cumulative, pace)
            if _cannot_exceed(best, count, expected, n):
                continue
            value = ratio(count, expected, n)
            if value > best + TIE:
                best, best_i, best_w, best_c, best_mu = value, i, w, count, expected
    return best, best_i, best_w, best_c, best_mu


@compiled
def fewest_above(level, expected, total):
    """Fewest events whose ratio exceeds `level` where `expected` are expected; total + 1 if none do."""
    if expected <= 0.0:
        return 1
    if expected >= total:
        return total + 1
    least = expected + np.sqrt(2.0 * level * expected * (total - expected) / (total + expected))  # by the bound above
    count = max(1, int(min(least * (1.0 - 1e-9), total + 1.0)))
    while count <= total and ratio(count, expected, total) <= level:
        count += 1
    return count


@compiled
def _fewest_by_step(level, total, edges, cumulative, lengths, resolution):
    """For a window of each length that begins in each step: no fewer events can have a ratio above `level`.

    Fewest are needed where least is expected. What a window expects is straight in its start between the
    instants at which either end meets an edge, so it is least at one of those.
    """
    last, pace = edges.size - 1, _paces(edges, cumulative)
    fewest = np.full((last + 1, lengths.size), 2)  # after the last edge nothing is expected
    for k in range(last):
        low = edges[k] if k > 0 else edges[k] - resolution  # a stamp cut down to the resolution may lie before
        for w in range(lengths.size):
            first = _step(low + lengths[w], k, edges)
            least = _before(low + lengths[w], first, edges, cumulative, pace) - _before(low, k, edges, cumulative, pace)
            end = edges[k + 1] + lengths[w]
            for m in range(first + 1, _step(end, first, edges) + 1):
                least = min(least, cumulative[m] - _before(edges[m] - lengths[w], k, edges, cumulative, pace))
            final = _before(end, _step(end, first, edges), edges, cumulative, pace) - cumulative[k + 1]
            fewest[k, w] = max(2, fewest_above(level, min(least, final) * (1.0 - 1e-9), total))
    return fewest


@compiled
def _maximum_above(level, fewest, stamps, edges, cumulative, pace, lengths):
    """Largest ratio if it exceeds `level`, else `level`: a window is looked at only if it holds the fewest events needed."""
    n, best, k = stamps.size, level, 0
    for i in range(n):
        k = _step(stamps[i], k, edges)
        for w in range(lengths.size):
            j = i + fewest[k, w]
            end = stamps[i] + lengths[w]
            if j > n or stamps[j - 1] >= end:
                continue
            while j < n and stamps[j] < end:
                j += 1
            last = _step(end, k, edges)
            expected = _before(end, last, edges, cumulative, pace) - _before(stamps[i], k, edges, cumulative, pace)
            if not _cannot_exceed(best, j - i, expected, n):
                best = max(best, ratio(j - i, expected, n))
    return best


@compiled
def bins_maximum(counts, cumulative, longest):
    """Largest ratio over runs of 1 to `longest` bins; `cumulative` expected counts, one longer than `counts`.

    Returns the ratio, first bin (-1: no run), number of bins, count, events expected.
    """
    n, total = counts.size, counts.sum()
    best, best_i, best_len, best_c, best_mu = 0.0, -1, 0, 0, 0.0
    for i in range(n):
        count = 0
        for j in range(i, min(i + longest, n)):
            count += counts[j]
            expected = cumulative[j + 1] - cumulative[i]
            if _cannot_exceed(best, count, expected, total):
                continue
            value = ratio(count, expected, total)
            if value > best + TIE:
                best, best_i, best_len, best_c, best_mu = value, i, j - i + 1, count, expected
    return best, best_i, best_len, best_c, best_mu


@compiled
def bins_maxima(draws, cumulative, longest, out):
    """Largest ratio of each row of counts."""
    for r in range(draws.shape[0]):
        out[r] = bins_maximum(draws[r], cumulative, longest)[0]


@compiled
def least_expected(cumulative, longest):
    """Least that a run of 0, 1, ... `longest` bins expects, of those that begin and end where something is expected."""
    least, n = np.full(longest + 1, np.inf), cumulative.size - 1
    for i in range(n):
        if cumulative[i + 1] <= cumulative[i]:
            continue  # no event falls here, so no run that matters begins or ends here
        for j in range(i, min(i + longest, n)):
            if cumulative[j + 1] > cumulative[j]:
                least[j + 1 - i] = min(least[j + 1 - i], cumulative[j + 1] - cumulative[i])
    return least


@compiled
def _fewest_by_length(level, total, least):
    """For a run of each length: no fewer events can have a ratio above `level`."""
    fewest = np.full(least.size, total + 1)
    for length in range(1, least.size):
        if least[length] < np.inf:
            fewest[length] = fewest_above(level, least[length] * (1.0 - 1e-9), total)
    return fewest


@compiled
def _runs_maximum(level, fewest, bins, cumulative, held, counts):
    """Largest ratio over runs if it exceeds `level`, else `level`, for the sorted bins of single events.

    A run's ratio rises when an empty bin at its end is cut off, so only runs between bins that hold events count.
    """
    total, longest, m = bins.size, fewest.size - 1, 0
    for i in range(total):
        is_new = i == 0 or bins[i] != bins[i - 1]
        m += is_new
        counts[m - 1] = 1 if is_new else counts[m - 1] + 1
        held[m - 1] = bins[i]
    best = level
    for a in range(m):
        count, first = 0, held[a]
        for b in range(a, m):
            length = held[b] + 1 - first
            if length > longest:
                break
            count += counts[b]
            if count < fewest[length]:
                continue
            expected = cumulative[first + length] - cumulative[first]
            if not _cannot_exceed(best, count, expected, total):
                best = max(best, ratio(count, expected, total))
    return best


@compiled
def _place(exponentials, totals, starts, weights, multipliers, steps, parts):
    """Put each group's events into its steps by weight times multiplier: `steps` (sorted) and how far into it, [0, 1).

    Sums of exponential draws over their total are uniform and in order, so nothing needs sorting. Of a
    group whose multipliers all underflow, the weights alone are taken.
    """
    at = draw = 0
    for g in range(totals.size):
        if totals[g] == 0:
            continue
        first, stop = starts[g], starts[g + 1]
        mass = 0.0
        for k in range(first, stop):
            mass += weights[k] * multipliers[k]
        plain = mass <= 0.0
        if plain:
            for k in range(first, stop):
                mass += weights[k]
        while weights[stop - 1] <= 0.0 and stop - 1 > first:  # rounding may not push the last event into a step of no weight
            stop -= 1
        span = 0.0
        for i in range(draw, draw + totals[g] + 1):
            span += exponentials[i]
        scale = mass / span
        k, below, reached = first, 0.0, 0.0
        width = weights[k] if plain else weights[k] * multipliers[k]
        for i in range(draw, draw + totals[g]):
            reached += exponentials[i] * scale
            while reached >= below + width and k < stop - 1:
                below += width
                k += 1
                width = weights[k] if plain else weights[k] * multipliers[k]
            steps[at] = k
            parts[at] = min((reached - below) / width, 1.0 - 1e-12) if width > 0.0 else 0.0
            at += 1
        draw += totals[g] + 1


@compiled
def _place_evenly(exponentials, n_bins, bins):
    """The same for one group of equal bins, four times as fast."""
    span = 0.0
    for i in range(bins.size + 1):
        span += exponentials[i]
    scale, reached = n_bins / span, 0.0
    for i in range(bins.size):
        reached += exponentials[i]
        bins[i] = min(np.int64(reached * scale), n_bins - 1)


@compiled
def _stamp(steps, parts, edges, resolution, stamps):
    for i in range(steps.size):
        k = steps[i]
        t = np.int64(edges[k] + (edges[k + 1] - edges[k]) * parts[i])
        stamps[i] = t if resolution == 1 else t // resolution * resolution


@compiled
def event_replicates(exponentials, totals, starts, weights, multipliers, edges, resolution, cumulative, lengths, out):
    """Largest ratio of windows in each replicate; one row of `multipliers` for all, or one for each.

    The first replicates are scanned in full. Nearly all others exceed the least of their maxima, so windows that
    can't are passed over; a replicate in which none does is scanned in full. What comes out is the same.
    """
    n, pace = totals.sum(), _paces(edges, cumulative)
    steps, parts, stamps = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    level, fewest = np.inf, np.empty((0, 0), np.int64)
    for r in range(out.size):
        _place(exponentials[r], totals, starts, weights, multipliers[r % multipliers.shape[0]], steps, parts)
        _stamp(steps, parts, edges, resolution, stamps)
        if r == PILOTS:
            level = max(0.0, out[:PILOTS].min() - TIE)
            fewest = _fewest_by_step(level, n, edges, cumulative, lengths, resolution)
        out[r] = _maximum_above(level, fewest, stamps, edges, cumulative, pace, lengths) if r >= PILOTS else level
        if out[r] <= level or r < PILOTS:
            out[r] = events_maximum(stamps, edges, cumulative, lengths)[0]


@compiled
def bin_replicates(exponentials, totals, starts, weights, multipliers, cumulative, least, out):
    """Largest ratio of runs of bins in each replicate; passed over and scanned in full as in `event_replicates`.

    `least` as `least_expected` gives it.
    """
    n = totals.sum()
    bins, parts = np.empty(n, np.int64), np.empty(n)
    held, counts = np.empty(n, np.int64), np.empty(n, np.int64)
    is_even = totals.size == 1 and weights.min() == weights.max() and multipliers.min() == multipliers.max()
    all_runs = _fewest_by_length(0.0, n, least)
    level, fewest = 0.0, all_runs
    for r in range(out.size):
        if is_even:
            _place_evenly(exponentials[r], weights.size, bins)
        else:
            _place(exponentials[r], totals, starts, weights, multipliers[r % multipliers.shape[0]], bins, parts)
        if r == PILOTS:
            level = max(0.0, out[:PILOTS].min() - TIE)
            fewest = _fewest_by_length(level, n, least)
        out[r] = _runs_maximum(level, fewest, bins, cumulative, held, counts)
        if out[r] <= level and level > 0.0:
            out[r] = _runs_maximum(0.0, all_runs, bins, cumulative, held, counts)


@compiled
def stamp_replicates(exponentials, totals, starts, weights, multipliers, edges, resolution, out):
    """The stamps of each replicate, sorted: array (replicates, events)."""
    n = totals.sum()
    steps, parts = np.empty(n, np.int64), np.empty(n)
    for r in range(out.shape[0]):
        _place(exponentials[r], totals, starts, weights, multipliers[r % multipliers.shape[0]], steps, parts)
        _stamp(steps, parts, edges, resolution, out[r])
