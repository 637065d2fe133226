"""Made-up selections that several of these files look at."""

import pytest
from made_up import PLANTED

from analysis_lib.simulate import selection


@pytest.fixture(scope="session")
def clean():
    return [selection(seed) for seed in range(100)]


@pytest.fixture(scope="session")
def planted():
    return [selection(seed, PLANTED) for seed in range(20)]
