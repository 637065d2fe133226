"""What is unusual about a plan is said with both values, and by whom it came."""

import re

import pytest
from cases import BANNED

from analysis_lib import wording
from analysis_lib.case import PlanOrigin
from analysis_lib.plan import Plan


@pytest.mark.parametrize("origin", PlanOrigin)
def test_the_standard_plan_is_not_spoken_of(origin):
    assert wording.plan_departures(origin, Plan().departures) == ""


@pytest.mark.parametrize(
    ("origin", "start"), [("package", "The plan that came with the package"), ("named", "The plan given with --plan")]
)
def test_every_departure_is_named_with_both_values(origin, start):
    told = wording.plan_departures(origin, Plan(alpha=0.05, tolerances_s=(0, 3600), peers=("dale",)).departures)
    assert told == (
        f"{start} differs from the standard plan in: alpha 0.05 instead of 0.01; peers dale instead of none; "
        "tolerances_s 0, 3600 instead of 0, 60, 300."
    )
    assert not re.search(BANNED, told)
