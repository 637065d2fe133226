"""Whose event came sooner than expected? What each of a group adds to the log-rank test.

References
----------
.. [1] Therneau, Grambsch & Fleming (1990), Biometrika 77, 147-160, section 2 (martingale residuals of a model without covariates).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def log_rank_residuals(times: ArrayLike, events: ArrayLike) -> NDArray:
    """Give the event of each (0 or 1) less the number expected of anybody followed for as long [1]_.

    They sum to 0; over one of two groups they sum to its events less those the log-rank test expects of it, which is the score of
    that group in Cox's model without ties.

    Parameters
    ----------
    times : array (n,)
        How long each was followed, in any one unit.
    events : array of bool (n,)
        Whether the event came then; otherwise nobody looked any longer.
    """
    times, events = np.asarray(times), np.asarray(events).astype(bool)
    instants, n_events = np.unique(times[events], return_counts=True)
    waiting = times.size - np.searchsorted(np.sort(times), instants, side="left")
    expected = np.concatenate([[0.0], np.cumsum(n_events / waiting)])
    return events - expected[np.searchsorted(instants, times, side="right")]
