"""What is said of late choices: both published readings always, points in the singular, and the lead at both ends."""

import re

import pytest
from cases import BANNED
from fake_findings import OPEN, WITHIN, late_bounds, shifted

from analysis_lib import wording
from analysis_lib.methods import late_choice_bounds, late_choice_shift
from analysis_lib.results import Verdict


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (shifted(OPEN), "Of 100 ballots cast after 24 October 2031, 03:00:04 BST (02:00:04 UTC), 62.0 % chose Ann Ash, of 900 earlier 50.0 %;"),
        (shifted(OPEN), "within the same branch and channel 12.0 points more."),
        (shifted(OPEN), "The share of Ann Ash had been falling by 2.4 points a day; had that gone on evenly, it would be 51.0 % among late ballots: it is 11.0 points higher (95 % interval -1.0 to +23.0 points)."),
        (shifted(OPEN, drift=0.01, excess=-0.05), "had been rising by 1.0 point a day; had that gone on evenly, it would be 67.0 % among late ballots: it is 5.0 points lower (95 % interval -17.0 to +7.0 points)."),
        (shifted(OPEN, drift=-0.0004), "The share of Ann Ash had kept level; had that gone on evenly,"),
        (shifted(OPEN, trend=False), "Odds of choosing Ann Ash: 1.60 (95 % interval 0.90 to 2.80)."),
        (shifted(OPEN), "Of 10 cut-offs tried, the actual one and 9 earlier ones, this one stands out most."),
        (shifted(Verdict.UNDETERMINED, rank=2), "Of 10 cut-offs tried, the actual one and 9 earlier ones, 1 earlier one stands out at least as much."),
        (shifted(WITHIN, adjusted=-0.01, trend=False), "1.0 point fewer."),
        (shifted(WITHIN, visible=0.01), "A shift of less than 1.0 point would often not have shown."),
        (shifted(Verdict.UNDETERMINED, rank=4), "the actual one and 9 earlier ones, 3 earlier ones stand out at least as much."),
        (shifted(OPEN, road="interim"), "the late lead of Ann Ash over Bo Birch is +19.40 points, against -18.80 as the same branches'"),
        (late_bounds(Verdict.COULD_CHANGE, n=1, margin=1, fewest=1), "1 ballot came in after 24 October 2031"),
        (late_bounds(Verdict.COULD_CHANGE, n=1, margin=1, fewest=1), "Removing as few as 1 ballot, all for the candidate in front"),
        (late_bounds(Verdict.COULD_CHANGE), "Ann Ash 0 to 35, Bo Birch 0 to 35 at least and at most; with all of them removed, the lead of 30 ballots would be -5 to 65 ballots."),
        (late_bounds(Verdict.COULD_NOT_CHANGE, exact=True, fewest=None), "Ann Ash 10, Bo Birch 10; with all of them removed, the lead of 30 ballots would be 30 ballots. No choice of them"),
        (late_bounds(Verdict.UNDETERMINED, fewest=None), "Preferences transfer"),
    ],
)  # fmt: skip
def test_what_a_sentence_says(fake, part):
    assert part in wording.sentence(fake)


@pytest.mark.parametrize("verdict", [OPEN, WITHIN, Verdict.UNDETERMINED])
@pytest.mark.parametrize("trend", [True, False])
def test_the_sentence_is_short_and_the_two_published_readings_are_explanations(verdict, trend):
    told = wording.sentence(shifted(verdict, trend=trend))
    assert "Idrobo" not in told
    assert len(told) < 900
    assert "Idrobo, Kronick & Rodriguez, Journal of Politics 84(4), 2022" in late_choice_shift.EXPLANATIONS[-1]
    assert "Escobari & Hoover (World Development 173, 2024, 106407)" in late_choice_shift.EXPLANATIONS[-1]


def test_the_effect_of_a_share_is_in_signed_points():
    told = wording.effect(shifted(OPEN))
    assert (
        told
        == "share of Ann Ash among late ballots, against where the earlier drift leads: +11.0 points (95 % interval -1.0 to +23.0)"
    )


def test_no_fixed_text_convicts():
    for words in (*late_choice_shift.NULLS.values(), *late_choice_shift.EXPLANATIONS, *late_choice_bounds.EXPLANATIONS):
        assert not re.search(BANNED, words)
        assert "_" not in words
