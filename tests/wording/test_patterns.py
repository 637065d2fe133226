"""Sentences of bursts, gaps, lists, logs and shared networks: each number as it is read."""

import pytest
from cases import utc
from fake_findings import OPEN, WITHIN, burst, down_a_list, even, numbered, origins

from analysis_lib import wording
from analysis_lib.wording.keying import gap, whole
from analysis_lib.wording.timing import between, were_expected


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (burst(OPEN), "14 ballots in 15 minutes from 24 October 2031, 03:00:04 to 03:15:04 BST (02:00:04 to 02:15:04 UTC), where 0.3 were"),
        (burst(OPEN, expected=1.04), "where 1 was expected (1.1 to 3.6 times as many, a figure on the high side because the fullest of"),
        (burst(WITHIN, "turnout_counts", visible=False), " How small a burst would have been seen cannot be said of a running count."),
        (
            burst(WITHIN, "turnout_counts", visible=False, slow=2),
            "The count rose by 900 over 5 hours from 24 October 2031, 03:00:04 to 08:00:04 BST (02:00:04 to 07:00:04 UTC) "
            "(the largest of 2 such stretches), about 400 above the level before and after; this test does not settle",
        ),
        (even(WITHIN, kind="device", ballots=11, cv=0.562, gap=682.0), "on average 11 minutes 22 seconds apart, give or take 56 % of that"),
        (even(OPEN, "band_run", cv=None), "on average 40.9 seconds apart; at random one of about 5 would be expected."),
        (down_a_list(OPEN), "in the longest run down it, from 24 October 2031, 03:00:04 to 03:08:04 BST"),
        (
            down_a_list(WITHIN, run=2, together=0.6, expected=1.1),
            "about 1 came right after their neighbour on it (an average, since some times are equal), where about 1 would be expected.",
        ),
        (down_a_list(WITHIN, together=9.0, expected=0.2), "; 9 came right after their neighbour on it, where fewer than 1 would be"),
        (
            numbered(WITHIN, k=0),
            "All 300 entries of the log stand in one order by number and by time; "
            "a block of 3 written down an hour late would have stood out, taken by itself.",
        ),
        (numbered(WITHIN, k=0, n_logs=2), "a block of 3 written down an hour late in the longest of the logs would have stood out"),
        (numbered(WITHIN, k=0, least=None), "by number and by time."),
        (origins(OPEN), "where 7.5 were expected (0 to 21 in 95 of 100 such contests); the largest group has 30 ballots."),
        (
            origins(WITHIN, "device", seen=(3, 0, 0, 3), expected=0.01),
            "where fewer than 0.1 were expected (0 to 21 in 95 of 100 such contests, a wide range because few groups are held to learn from)",
        ),
        (origins(WITHIN, seen=(3, 0, 0, 3), expected=7.0), "where 7 were expected (0 to 21"),
    ],
)  # fmt: skip
def test_what_a_sentence_says(fake, part):
    assert part in wording.sentence(fake)


@pytest.mark.parametrize("unwanted", ["interval", "biased", "rose slowly"])
def test_what_no_sentence_says(unwanted):
    for fake in (burst(OPEN), burst(WITHIN, "turnout_counts", slow=1), origins(OPEN), even(OPEN, "band_run"), numbered(OPEN)):
        assert unwanted not in wording.sentence(fake) + (wording.effect(fake) if fake.question != "cast_rate_bursts" else "")


def test_nothing_out_of_order_has_no_chance_clause_and_other_forms_no_running_count():
    assert "would turn up" not in wording.sentence(numbered(WITHIN, k=0))
    assert "would turn up" in wording.sentence(numbered(WITHIN, k=1, block=1))
    assert "running count" not in wording.sentence(burst(WITHIN, visible=False))


@pytest.mark.parametrize(
    ("start", "end", "zone", "told"),
    [
        ("2031-10-24 02:00", "2031-10-24 02:15", "UTC", "from 24 October 2031, 02:00:00 to 02:15:00 UTC"),
        ("2031-12-24 02:00", "2031-12-24 02:15", "Europe/London", "from 24 December 2031, 02:00:00 to 02:15:00 GMT"),
        ("2031-10-24 22:30", "2031-10-24 23:30", "Europe/London", "from 24 October 2031, 23:30:00 BST to 25 October 2031, 00:30:00 BST (22:30:00 to 23:30:00 UTC)"),
        ("2031-10-26 00:30", "2031-10-26 01:10", "Europe/London", "from 26 October 2031, 01:30:00 BST to 01:10:00 GMT (00:30:00 to 01:10:00 UTC)"),
    ],
)  # fmt: skip
def test_a_stretch_of_time_names_its_day_and_utc_once(start, end, zone, told):
    assert between(utc(start), utc(end), zone) == told


def test_counts_that_are_averages_and_gaps():
    assert [whole(x) for x in (0.0, 9.0, 0.3, 0.5, 1.49, 1234.5)] == [
        "0",
        "9",
        "fewer than 1",
        "about 1",
        "about 1",
        "about 1,235",
    ]
    assert [were_expected(x) for x in (0.02, 1.0, 1.04, 2.5)] == [
        "fewer than 0.1 were expected",
        "1 was expected",
        "1 was expected",
        "2.5 were expected",
    ]
    assert [gap(x) for x in (1.0, 40.92, 60.0, 19_700.0)] == ["1 second", "40.9 seconds", "1 minute", "5 hours 28 minutes"]
