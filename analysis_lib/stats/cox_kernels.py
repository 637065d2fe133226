"""Compiled loops of the proportional hazards model: sums over everyone at risk at each event, and what follows from them.

A row is at risk over an unbroken run of events, so it is added to the few nodes of a binary tree that make up the run,
and each leaf is the sum of the nodes above it. Nothing is ever taken out again: with running sums, a row of very high
risk would leave its rounding behind for those who stay.
"""

from __future__ import annotations

import numpy as np

from analysis_lib.stats.scan_kernels import compiled


@compiled
def likelihood(x, first, last, event, stratum, n_strata, n_cells, coefficients):
    """Log partial likelihood after Efron, its gradient and information, and the mean covariates of each cell's risk set.

    A cell is an instant with an event in one stratum. Row i is at risk in the cells `first[i]` to `last[i] - 1`; if
    `event[i]`, its event is in the last of them.
    """
    n, k = x.shape
    width = 1 + k + k * (k + 1) // 2  # of the risks: their sum, that of risk times x, that of risk times x x'
    eta = np.zeros(n)
    highest = np.full(n_strata, -np.inf)
    for i in range(n):
        for a in range(k):
            eta[i] += x[i, a] * coefficients[a]
        if first[i] < last[i]:
            highest[stratum[i]] = max(highest[stratum[i]], eta[i])
    tree = np.zeros((2 * n_cells, width))
    ended = np.zeros((n_cells, width))  # the same sums over those whose event it is
    n_events = np.zeros(n_cells, np.int64)
    part = np.empty(width)
    value, gradient = 0.0, np.zeros(k)
    for i in range(n):
        if first[i] == last[i]:
            continue
        level = eta[i] - highest[stratum[i]]
        part[0] = np.exp(level)
        at = 1 + k
        for a in range(k):
            part[1 + a] = part[0] * x[i, a]
            for b in range(a + 1):
                part[at] = part[1 + a] * x[i, b]
                at += 1
        left, right = first[i] + n_cells, last[i] + n_cells
        while left < right:
            if left & 1:
                for c in range(width):
                    tree[left, c] += part[c]
                left += 1
            if right & 1:
                right -= 1
                for c in range(width):
                    tree[right, c] += part[c]
            left >>= 1
            right >>= 1
        if event[i]:
            cell = last[i] - 1
            n_events[cell] += 1
            value += level
            for c in range(width):
                ended[cell, c] += part[c]
            for a in range(k):
                gradient[a] += x[i, a]
    for node in range(2, 2 * n_cells):
        for c in range(width):
            tree[node, c] += tree[node >> 1, c]
    information, means, mean = np.zeros((k, k)), np.zeros((n_cells, k)), np.empty(k)
    for cell in range(n_cells):
        for tie in range(n_events[cell]):
            share = tie / n_events[cell]  # of those with the event, that no longer counts (Efron)
            total = tree[n_cells + cell, 0] - share * ended[cell, 0]
            value -= np.log(total)
            at = 1 + k
            for a in range(k):
                mean[a] = (tree[n_cells + cell, 1 + a] - share * ended[cell, 1 + a]) / total
                gradient[a] -= mean[a]
                means[cell, a] += mean[a] / n_events[cell]
                for b in range(a + 1):
                    square = (tree[n_cells + cell, at] - share * ended[cell, at]) / total
                    information[a, b] += square - mean[a] * mean[b]
                    at += 1
    for a in range(k):
        for b in range(a):
            information[b, a] = information[a, b]
    return value, gradient, information, means
