"""Events after a change, beyond those of others at risk at the same instant: one residual for each item that changed.

References
----------
.. [1] Therneau, Grambsch & Fleming (1990), Biometrika 77(1), 147-160: martingale residuals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def residuals_after(change: ArrayLike, stop: ArrayLike, event: ArrayLike, strata: ArrayLike, log_ratio: float) -> NDArray:
    """Give event less expected events from the change on, for items whose change came before they stopped; others are 0.

    Parameters
    ----------
    change, stop : array (n,)
        When each item changed (infinite: never; at or before the start of all: at risk as changed from then on) and when it
        stopped, in one unit.
    event : array of bool (n,)
    strata : array (n,)
    log_ratio : float
        Log hazard ratio of the changed over the others, as fitted to all of them.

    Returns
    -------
    array of float (n,)
        They sum to nearly 0 over the changed where `log_ratio` is fitted to the same items (ties after Breslow here).
    """
    change, stop = np.asarray(change, float), np.asarray(stop, float)
    event, found = np.asarray(event, bool), np.zeros(np.asarray(stop).size)
    ratio = np.exp(log_ratio)
    _, codes = np.unique(np.asarray(strata), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    for items in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        c, t, e = change[items], stop[items], event[items]
        has = c < t
        if not has.any() or not e.any():
            found[items] = np.where(has, e, 0.0)
            continue
        at, deaths = np.unique(t[e], return_counts=True)
        waiting = t.size - np.searchsorted(np.sort(t), at, side="left")
        changed = np.searchsorted(np.sort(c[has]), at, side="left") - np.searchsorted(np.sort(t[has]), at, side="left")
        total = np.r_[0.0, np.cumsum(deaths / (waiting + (ratio - 1) * changed))]
        hazard = total[np.searchsorted(at, t, side="right")] - total[np.searchsorted(at, np.where(has, c, t), side="right")]
        found[items] = np.where(has, e - ratio * hazard, 0.0)
    return found
