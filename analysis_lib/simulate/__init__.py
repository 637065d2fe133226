"""Made-up selections, written forwards in time, with the truth beside the data.

They teach, and they calibrate: what a method reports in a world where nothing is wrong is its rate of
false alarms, and what it reports where something was planted is its power. Nothing here is about anybody.
"""

from __future__ import annotations

from analysis_lib.simulate.selections import Selection, joined, peers, selection
from analysis_lib.simulate.setting import OFFICE_LIFE, OFFICE_PLANTS, PLANTS, Setting
from analysis_lib.simulate.writing import write_package

__all__ = ["OFFICE_LIFE", "OFFICE_PLANTS", "PLANTS", "Selection", "Setting", "joined", "peers", "selection", "write_package"]
