"""How many of some items can be of one kind, if only the totals of each cell are known?

References
----------
.. [1] Duncan & Davis (1953), Amer. Sociol. Rev. 18, 665-666.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def overlap_bounds(chosen: ArrayLike, of_kind: ArrayLike, size: ArrayLike) -> tuple[int, int]:
    """Fewest and most of the chosen items that can be of the kind, summed over cells [1]_.

    Parameters
    ----------
    chosen, of_kind, size : array of int (cells,)
        Items chosen, items of the kind, and all items of each cell.
    """
    chosen, of_kind, size = (np.asarray(x, np.int64) for x in (chosen, of_kind, size))
    return int(np.maximum(0, chosen - (size - of_kind)).sum()), int(np.minimum(chosen, of_kind).sum())


def most_ahead(chosen: ArrayLike, first: ArrayLike, second: ArrayLike, size: ArrayLike) -> int:
    """Most by which the chosen items of the first kind can outnumber those of the second.

    In each cell as many as can be are of the first kind, the rest of neither, and only what is left over of the second.
    """
    chosen, first, second, size = (np.asarray(x, np.int64) for x in (chosen, first, second, size))
    of_first = np.minimum(chosen, first)
    left_over = np.maximum(0, chosen - of_first - (size - first - second))
    return int((of_first - left_over).sum())
