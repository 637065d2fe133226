"""Late choices: a real count with its published figures, another road, clean contests with a drift, a planted jump, edges, messages."""

import re
from datetime import timedelta

import bolivia
import numpy as np
import polars as pl
import pytest
from cases import BANNED, answered, tiny, utc
from findings import conforms, shown_of
from late_ballots import CLOSES, OPENS, WINDOW, as_choices, contest, counted
from reference import held
from scipy.stats import fisher_exact, norm

from analysis_lib import exhibits, wording
from analysis_lib.cards import Cards, Table
from analysis_lib.case import open_case
from analysis_lib.methods.late_choice_shift import NULLS, late_choice_shift
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Status, TestResult, Verdict

NAMES = {"A": "Ann Ash", "B": "Bo Birch", "C": "Cy Cole"}
STOOD = [{"candidate_id": key, "display_name": name} for key, name in NAMES.items()]


def shift(counts, seed=0, **options):
    values = {"n_resamples": 199, "rng": np.random.default_rng(seed)}
    return late_choice_shift(counts, **values | options)


def row_of(result, candidate):
    return next(row for row in result.details["by_candidate"] if row["candidate"] == candidate)


# 1. Published numbers


@pytest.mark.skipif(not bolivia.FOLDER.is_dir(), reason="the tallies of Bolivia 2019 are not here")
def test_bolivia_late_sheets_follow_their_precincts():
    early, final = (bolivia.sheets(file) for file in (file for file in bolivia.FILES if not file.startswith("trep_2019-10-21")))
    is_late = ~final["sheet"].is_in(early["sheet"].to_list())
    assert is_late.sum() == held.value("bolivia.late_sheets")
    counts = final.with_columns(is_late=is_late).group_by(stratum="unit", is_late="is_late").agg(pl.col("CC", "MAS", "other").sum()).unpivot(
        index=["stratum", "is_late"], variable_name="candidate", value_name="n"
    )  # fmt: skip
    result = shift(counts.sort(pl.all()))
    seen, predicted = (100 * result.details["expected"][name] for name in ("seen", "led_to"))
    assert [seen, predicted] == pytest.approx(held.value("bolivia.within"), abs=0.01)
    raw = row_of(result, "MAS")["raw"] - row_of(result, "CC")["raw"]
    assert 100 * raw > 16  # all sheets: without their precincts late ones look quite different
    assert result.assumptions[0].status is Status.FAILS  # nothing earlier to hold it against, so never an alarm


@pytest.fixture(scope="module")
def tallies(tmp_path_factory):
    if not bolivia.FOLDER.is_dir():
        pytest.skip("the tallies of Bolivia 2019 are not here")
    folder = tmp_path_factory.mktemp("tallies")
    stood = [{"candidate_id": key, "display_name": key} for key in ("CC", "MAS", "other")]
    window = WINDOW | {"opens_at": utc("2019-10-20 12:00"), "closes_at": utc("2019-10-20 20:00")}
    one = {"round": 1, "channel": "all", "item": "candidate", "candidate_id": "CC", "n": 1, "basis": "declared"}
    tiny(folder, contest={"timezone": "America/La_Paz"}, results=[one], candidates=stood, contest_windows=[window])
    whole = pl.concat(
        bolivia.by_precinct(file).with_columns(as_of=pl.lit(at.isoformat() if at else "")) for file, at in bolivia.FILES.items()
    )
    fixed = {"contest_id": "vale_2031", "round": 1, "channel": "all", "item": "candidate", "basis": "declared", "source_id": "S1"}
    rows = whole.with_columns(
        pl.format("r{}", pl.int_range(pl.len())).alias("row_id"), **{k: pl.lit(v) for k, v in fixed.items()}
    )
    rows.write_csv(folder / "data" / "results.csv")
    return open_case(folder)


def test_bolivia_as_a_package(tallies):
    found = answer_chapter("20_late_votes", tallies)
    (finding,) = found["late_choice_shift"]  # the reading next to both cut-offs, once
    running = finding.details["running"]
    assert [100 * row["lead"] for row in running] == held.number("bolivia.margins")
    expected = finding.details["expected"]  # differences of precincts' totals; those that fall (corrections) are left out
    # 50 more precincts stand in the first reading and not in the second: divided at the first, they are not taken as fallen.
    assert finding.details["n_fell"] == 179
    assert [100 * expected["seen"], 100 * expected["led_to"]] == pytest.approx([19.36, 18.79], abs=0.01)
    assert finding.verdict is not Verdict.NOT_EXPLAINED
    told = wording.sentence(finding)
    assert "the late lead of MAS over CC is +19.36 points, against +18.79 as the same branches' earlier ballots lead to" in told
    html, _ = shown_of(tallies)
    for part in ("+7.87", "+10.15", "+10.56", "Idrobo, Kronick", "84(4), 2022", "Escobari", "173, 2024, 106407", "-04"):
        assert part in html
    (bounds,) = found["late_choice_bounds"]
    assert bounds.details["is_exact"]
    assert bounds.verdict is Verdict.COULD_NOT_CHANGE
    conforms(tallies, [finding, bounds])


# 2. Another road


def test_one_branch_and_two_candidates_is_fishers_test():
    cells = {(True, "A"): 38, (True, "B"): 31, (False, "A"): 186, (False, "B"): 209}
    counts = pl.DataFrame([{"stratum": "s", "is_late": late, "candidate": c, "n": n} for (late, c), n in cells.items()])
    result = shift(counts, n_resamples=9999)
    row = row_of(result, "A")
    assert row["pvalue"] == pytest.approx(2 * fisher_exact([[38, 31], [186, 209]], alternative="greater").pvalue)
    assert (row["odds_low"], row["odds_high"]) == pytest.approx((0.79836, 2.38791), abs=1e-5)
    assert row["raw"] == pytest.approx(38 / 69 - 186 / 395)
    assert row["adjusted"] == pytest.approx(row["raw"])
    assert result.pvalue == pytest.approx(fisher_exact([[38, 31], [186, 209]]).pvalue, abs=0.02)
    assert result.null_hypothesis == NULLS["exchange"]


def test_a_branch_that_votes_late_is_no_shift_of_choice():
    """Raw, late ballots look different; within branches they don't. Counted by hand."""
    rows = [("Young", True, 54, 6), ("Young", False, 90, 10), ("Old", True, 2, 18), ("Old", False, 40, 360)]
    counts = pl.DataFrame(
        [{"stratum": s, "is_late": late, "candidate": c, "n": n} for s, late, a, b in rows for c, n in (("A", a), ("B", b))]
    )
    result = shift(counts)
    row = row_of(result, "A")
    assert row["raw"] == pytest.approx(56 / 80 - 130 / 500)
    assert (row["adjusted"], row["odds_ratio"]) == (pytest.approx(0.0, abs=1e-12), pytest.approx(1.0, abs=1e-6))
    assert result.pvalue > 0.5
    assert result.details["needed_ratio_low"] == 1.0


# 3. Properties


def test_the_order_of_rows_and_names_of_strata_change_nothing():
    counts = counted(contest(np.random.default_rng(7), 500, 60, drift=1.0, young=1.0, candidates=("A", "B", "C")))
    first = shift(counts)
    other = shift(counts.sample(fraction=1.0, shuffle=True, seed=1).with_columns(pl.col("stratum") + " branch"))
    assert (other.pvalue, other.statistic) == (first.pvalue, pytest.approx(first.statistic))
    assert other.details["cuts"] == first.details["cuts"]
    split_up = pl.concat([counts.with_columns(n=pl.col("n") // 2), counts.with_columns(n=pl.col("n") - pl.col("n") // 2)])
    assert shift(split_up.filter(pl.col("n") > 0)).statistic == pytest.approx(first.statistic)


# 4. False alarms


@pytest.mark.parametrize("clean", [{}, {"drift": 1.5}, {"young": 1.5}, {"drift": 1.5, "young": 1.5}], ids=str)
def test_a_clean_contest_raises_no_alarm(clean):
    """Choices that drift, and a young branch that votes late and otherwise: 200 contests, one in each of four worlds of 50."""
    p, raw = [], []
    for seed in range(50):
        rng = np.random.default_rng(4000 + seed)
        result = shift(counted(contest(rng, 450, 50, **clean)), seed, n_resamples=99)
        p.append(result.pvalue)
        raw.append(result.details["pvalue_exchange"])
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 50)
    if clean.get("drift"):  # plain exchange would raise one in most
        assert np.mean(np.array(raw) <= 0.05) > 0.2


# 5. Power


def test_a_planted_jump_is_found():
    p = [shift(counted(contest(np.random.default_rng(seed), 900, 100, drift=0.5, jump=1.3)), seed).pvalue for seed in range(40)]
    assert np.mean(np.array(p) <= 0.05) > 0.8


def test_what_allowing_for_a_drift_costs():
    """+25 points at 50 of 500 late, 45 % before: the plain exact test finds 0.95 (tests/stats/test_stratified.py), this one 0.82.

    A line through times that lie evenly over the window has, at its end, 1 + (1/2)^2 / (1/12) = 1 + 3 times the variance of
    the mean, so 450 earlier ballots tell as much as 112 would without a drift. That alone caps the power, at 0.05 two-sided, at
    0.85; that the spread past chance is learnt from the earlier cuts and bins takes the rest.
    """
    base, late, n_late, n_early = 0.45, 0.70, 50, 450
    learnt = (1 + 3) * base * (1 - base) / n_early
    least = norm.isf(0.025) * np.sqrt(base * (1 - base) / n_late + learnt)
    ceiling = norm.sf((least - (late - base)) / np.sqrt(late * (1 - late) / n_late + learnt))
    assert ceiling == pytest.approx(0.854, abs=5e-4)

    def pvalue(seed: int) -> float:
        rng = np.random.default_rng(seed)
        at, n = [*np.arange(-9.75, 0, 0.5), 0.01], [*[23, 22] * 10, n_late]
        a = rng.binomial(n, [base] * 20 + [late])
        rows = {"stratum": "s", "is_late": [False] * 20 + [True], "at_days": at}
        sides = [pl.DataFrame(rows | {"candidate": c, "n": k}) for c, k in (("A", a), ("B", n - a))]
        return shift(pl.concat(sides), seed, n_resamples=99).pvalue

    n_contests = 250
    power = np.mean([pvalue(7000 + seed) <= 0.05 for seed in range(n_contests)])
    assert power == pytest.approx(0.82, abs=3 * np.sqrt(0.82 * 0.18 / n_contests))


# 6. Edges, through the door


def case_of(folder, ballots, **tables):
    totals = ballots["candidate"].value_counts().sort("candidate")
    results = [
        {"round": 1, "channel": "all", "item": "candidate", "candidate_id": c, "n": n, "basis": "declared"}
        for c, n in totals.iter_rows()
    ]
    values = {"ballot_choices": as_choices(ballots), "candidates": STOOD, "results": results, "contest_windows": [WINDOW]}
    return tiny(folder, **values | tables)


def test_spans_of_time_through_the_door(tmp_path):
    ballots = contest(np.random.default_rng(3), 900, 100, drift=0.5, jump=2.5, candidates=("A", "B", "C"))
    case = case_of(tmp_path, ballots, plan="n_resamples = 1999\n")
    close, day = answered(case, "late_choice_shift")
    assert [finding.result.form for finding in (close, day)] == ["after_close", "last_86400_s"]
    assert close.verdict is Verdict.NOT_EXPLAINED
    assert (close.details["n_late"], close.details["n_on_time"], close.details["road"]) == (100, 900, "bins")
    assert close.details["candidate"] == "Ann Ash"
    assert close.details["rank"] == 1
    assert day.details["cut_at"] == CLOSES - timedelta(days=1)
    told = wording.sentence(close)
    n = close.details["n_placebos"]
    for part in ("Of 100 ballots cast after 16 October 2031, 12:00:00 BST", f"and {n} earlier ones, this one stands out most."):
        assert part in told
    assert not re.search(BANNED, told)
    card = Cards([close])._repr_html_()
    assert "Idrobo, Kronick" in card
    assert "Escobari" in card
    assert "86400" not in "".join((card, Cards([day])._repr_html_(), shown_of(case)[0])).replace(",", "")
    assert close.result.assumptions[0].statement == "No earlier cut-off stands out as clearly, for the ballots it rests on."
    assert close.result.assumptions[0].evidence == f"Of {n} earlier cut-offs none stands out at least as much."
    (row,) = (row for row in close.details["by_candidate"] if row["candidate"] == "Ann Ash")
    assert close.details["share_if_even"] == pytest.approx(
        row["late_share"] - close.result.effect.value
    )  # every branch is met before


def test_the_drift_is_told_in_points_a_day(tmp_path):
    """Ten days over which the log odds of A rise by 1.5: near 3 points a day."""
    ballots = contest(np.random.default_rng(15), 40_000, 400, drift=1.5)
    drift = shift(counted(ballots)).details["drift_per_day"]
    days = ballots.filter(~pl.col("is_late")).select("at_days", a=pl.col("candidate") == "A")
    assert drift == pytest.approx(np.polyfit(days["at_days"], days["a"].cast(float), 1)[0], rel=0.15)
    assert 0.02 < drift < 0.04


def test_a_jump_that_earlier_cuts_show_too_stays_undetermined(tmp_path):
    ballots = contest(np.random.default_rng(5), 900, 100)
    back = {"A": "B", "B": "A"}
    flip = (pl.col("at_days") > -5) & (pl.col("at_days") < -3)
    late = (
        pl.when(flip | pl.col("is_late"))
        .then(pl.lit("A"))
        .otherwise(pl.when(flip).then(pl.col("candidate").replace(back)).otherwise("candidate"))
    )
    (result, *_) = answered(case_of(tmp_path, ballots.with_columns(candidate=late)), "late_choice_shift")
    assert result.verdict is not Verdict.NOT_EXPLAINED


def test_single_stamps_are_used_where_the_rules_allow_the_link(tmp_path):
    ballots = contest(np.random.default_rng(8), 200, 40, candidates=("A", "B"))
    choices = [row | {"cast_bin": None} for row in as_choices(ballots)]
    events = [
        {"event": "cast", "channel": "online", "ballot_id": f"b{i:05d}", "link_level": "ballot_only", "at": CLOSES + timedelta(days=at, seconds=i)}
        for i, at in enumerate(ballots["at_days"])
    ]  # fmt: skip
    tables = {"ballot_choices": choices, "ballot_events": events}
    linked = answered(case_of(tmp_path / "a", ballots, contest={"secrecy": "secret_linkable"}, **tables), "late_choice_shift")
    assert linked[0].details["road"] == "stamps"
    assert linked[0].details["n_late"] == 40
    secret = answered(case_of(tmp_path / "b", ballots, **tables), "late_choice_shift")
    assert {finding.verdict for finding in secret} == {Verdict.CANNOT_BE_ANSWERED}


def test_ranked_ballots_are_compared_twice(tmp_path):
    ballots = contest(np.random.default_rng(9), 300, 40, candidates=("A", "B", "C"))
    second = {"A": "B", "B": "A", "C": "A"}
    choices = as_choices(ballots)
    choices += [row | {"rank": 2, "candidate_id": second[row["candidate_id"]]} for row in choices]
    case = case_of(tmp_path, ballots, ballot_choices=choices, contest={"voting_method": "IRV"})
    found = answered(case, "late_choice_shift")
    assert [f.result.form for f in found] == [
        "after_close", "last_86400_s", "after_close_final_two", "last_86400_s_final_two",
    ]  # fmt: skip
    last = found[2]
    assert {row["candidate"] for row in last.details["by_candidate"]} <= set(NAMES.values())
    assert len(last.details["by_candidate"]) == 2
    assert last.details["n_late"] == 40
    assert "of the last two candidates" in wording.sentence(last)


def test_a_span_that_the_cut_divides_is_left_out_and_counted(tmp_path):
    ballots = contest(np.random.default_rng(10), 400, 40)
    window = WINDOW | {"closes_at": CLOSES - timedelta(hours=3)}
    finding = answered(case_of(tmp_path, ballots, contest_windows=[window]), "late_choice_shift")[0]
    n = ballots.filter((pl.col("at_days") < 0) & (pl.col("at_days") > -0.5)).height
    assert n
    assert finding.details["left_out"]["in a span that the cut-off divides"] == n == finding.result.n_excluded


# 7. Messages


def test_too_few_late_ballots_are_not_tested_and_it_says_what_would_have_shown(tmp_path):
    ballots = contest(np.random.default_rng(11), 300, 12)
    close, day = answered(case_of(tmp_path, ballots), "late_choice_shift")
    assert isinstance(close.result, NotAnswerable)
    told = wording.sentence(close)
    assert told.startswith(
        "Of 312 ballots whose choice and time are both held, 12 are from after the close; at least 20 late and 20 earlier ones are needed."
    )
    assert close.result.needs == ("results.as_of",)  # choices, times and close are held
    assert (
        "The columns are held; a reading of the count by candidate at the cut-off would help. Needed to answer it: Counts: as_of."
        in told
    )
    assert re.search(r"even a shift of \d\d points would often not show", wording.sentence(close))
    assert 0.3 < close.details["smallest_visible"] < 0.6
    assert isinstance(day.result, TestResult)


def test_without_times_or_a_close_it_says_what_is_needed(tmp_path):
    ballots = contest(np.random.default_rng(12), 500, 30)
    bare = [row | {"cast_bin": None} for row in as_choices(ballots)]
    for folder, tables in (("a", {"ballot_choices": bare}), ("b", {"contest_windows": [WINDOW | {"closes_at": None}]})):
        found = answered(case_of(tmp_path / folder, ballots, **tables), "late_choice_shift")
        assert {finding.verdict for finding in found} == {Verdict.CANNOT_BE_ANSWERED}
        need = "ballot_choices.cast_bin|results.as_of" if folder == "a" else "contest_windows.closes_at"
        assert {finding.result.needs for finding in found} == {(need,)}


@pytest.mark.parametrize(
    ("cut_s", "told"),
    [
        (0, "none is from after the close;"),
        (86400, "none is from the last day before the close;"),
        (21600, "none is from the last 6 hours before the close;"),
        (172800, "12 are from the last 2 days before the close;"),
        (5400, "none is from the last 90 minutes before the close;"),
    ],
)
def test_the_cut_off_is_told_in_words(tmp_path, cut_s, told):
    early = contest(np.random.default_rng(16), 900, 0).filter(pl.col("at_days") < -2)
    last = early.head(12).with_columns(at_days=pl.lit(-1.75), candidate=pl.Series(list("AB" * 6)))
    case = case_of(tmp_path, pl.concat([early, last]), plan=f"late_cuts_s = [{cut_s}]\n")
    (finding,) = answered(case, "late_choice_shift")
    assert f"whose choice and time are both held, {told} at least 20 late and 20 earlier ones are needed." in wording.sentence(
        finding
    )
    assert "86400" not in Cards([finding])._repr_html_().replace(",", "")


def test_one_candidate_alone_leaves_nothing_to_compare(tmp_path):
    row = {"round": 1, "channel": "online", "item": "candidate", "candidate_id": "A", "basis": "declared"}
    results = [row | {"n": 60, "as_of": OPENS + timedelta(days=9)}, row | {"n": 90}]
    (finding,) = answered(tiny(tmp_path, results=results, candidates=STOOD, contest_windows=[WINDOW]), "late_choice_shift")
    assert wording.sentence(finding).startswith("All 90 ballots whose choice and time are both held are for one candidate")


def test_tables_tell_p_values_with_two_digits_and_short_captions(tmp_path):
    ballots = contest(np.random.default_rng(3), 900, 100, drift=0.5, jump=2.5, candidates=("A", "B", "C"))
    case = case_of(tmp_path, ballots)
    tables = [item for item in exhibits.late_choice_shift(case, answered(case, "late_choice_shift")) if isinstance(item, Table)]
    assert tables
    for table in tables:
        assert len(table.caption) < 200
        for row in table.rows:
            assert re.fullmatch(r"below 0\.0001|1\.0|0\.0*[1-9]\d", row["pvalue"])
