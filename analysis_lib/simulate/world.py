"""Everything about a made-up selection that is settled before it opens.

Each stage has a random stream of its own, and each member draws of their own for whatever may happen to them.
So the same seed with other plants gives the same members, letters and officers: up to the first planted
event a planted world and its clean twin are the same world.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma, norm

from analysis_lib.simulate.setting import HOUR, Setting, hour_edges, hourly_rates

MINUTE = 60
STAGES = (
    "roll",
    "noise",
    "post",
    "habits",
    "officers",
    "views",
    "hall",
    "choices",
    "reissue_chain",
    "late_ballots",
    "night_burst",
    "lines",
    "replies",
    "opinions",
    "people",
    "contacts",
    "churn",
    "offices",
    "bounces",
    "joining",
    "applying",
    "voids",
    "asking",
    "chain_reverts",
    "one_mailbox",
    "ghost_applications",
    "notes",
    "mail",
    "asking_again",
)
BUSY_OFFICER = 0
SIZE_SPREAD = 0.45  # log-normal sigma of branch sizes
URGE_SHAPE = 0.7  # gamma shape of the members' urge to vote: below 1, some hardly ever would
ISSUING_S = 20 * MINUTE  # the codes go out over so many seconds
HALL_ATTENDANCE = 0.9  # of those who chose the hall
ASKING_S = 40 * MINUTE  # mean delay of a member who finds no code and asks for one
ALONG_S = 5 * MINUTE  # mean delay of a housemate who votes along, after a first minute
BOUNCE_NOTICED, NOTICING_S = 0.85, 20 * HOUR  # share of bounces an officer ever looks at; mean delay
READY_MEDIAN_S, READY_SIGMA = 20 * MINUTE, 1.0  # log-normal delay of a member who acts at once on a fresh e-mail
CHANGED_ADDRESS = {"bounce_logged": 0.6, "member_request_logged": 0.25}  # share of such tasks that start with a new address
GATEWAYS, OFFICES, OPERATORS = 8, 5, 6
COMMIT_S = 1.5  # a ballot is written down within so many seconds: two at once may change places
SAME_DEVICE = 0.5  # of housemates who vote along
REPLY_S = 15 * MINUTE  # mean delay of a member who acts on a reminder at once
# An officer's sittings: local hour at which one may start, and the chance of it on a given day.
SITTINGS = ((8.5, 0.35), (12.25, 0.35), (18.25, 0.75))
SITTING_START_SPREAD_S, SITTING_S = 90 * MINUTE, 50 * MINUTE


@dataclass(frozen=True)
class World:
    """A selection about to open. Lists run over members; `*_e` are unit exponentials, `*_u` uniforms."""

    setting: Setting
    streams: dict[str, np.random.Generator]
    branch: list[int]
    household: list[int]
    in_hall: list[bool]
    comes_to_hall: list[bool]
    branch_factor: NDArray[np.float64]
    noise: NDArray[np.float64]
    edges: list[float]
    urge_by: list[float]  # cumulative rate at each hour edge
    letter: list[str]  # delivered, lost or bounced
    issued_at: list[float]
    transit_s: list[float]
    urge: list[float]
    first_e: list[float]
    fresh_urge: list[float]
    fresh_e: list[float]
    ready_u: list[float]
    ready_s: list[float]
    along_u: list[float]
    along_s: list[float]
    asks_after_s: list[float]
    courtesy_e: list[float]
    courtesy_rate: list[float]
    notices_after_s: list[float]  # infinite: nobody ever looks at that bounce
    is_bounce_fix: list[bool]
    change_u: list[float]
    change_gap_s: list[float]
    officer: list[int]
    officer_delay_s: list[float]
    sittings: list[list[float]]
    network: list[str]
    operator: list[int]
    shares_device: list[bool]  # with the housemate whose voting made the member vote along
    commit_s: list[float]
    replies_after_s: list[list[float]]  # by reminder; infinite: not at once
    opinion: list[float]  # of each branch, on the log-odds scale
    place_by_name: list[int]  # on an alphabetical list; housemates mostly share a name

    def urge_at(self, at: float) -> float:
        """Give the cumulative rate from the opening to `at` (seconds)."""
        hour = bisect_right(self.edges, at) - 1
        if hour >= len(self.edges) - 1:
            return self.urge_by[-1]
        gone = (at - self.edges[hour]) / (self.edges[hour + 1] - self.edges[hour])
        return self.urge_by[hour] + gone * (self.urge_by[hour + 1] - self.urge_by[hour])

    def when(self, since: float, urge: float, exponential: float) -> float:
        """Give the instant at which a wish comes to one of that urge, waiting from `since`; infinite if it never does."""
        target = self.urge_at(since) + exponential / urge if urge > 0 else float("inf")
        hour = bisect_left(self.urge_by, target)
        if hour >= len(self.urge_by):
            return float("inf")
        low, high = self.urge_by[hour - 1], self.urge_by[hour]
        return self.edges[hour - 1] + (target - low) / (high - low) * (self.edges[hour] - self.edges[hour - 1])

    def attended(self, member: int, at: float) -> float:
        """Give the instant at which the officer who looks after a member gets to a task that came in at `at`."""
        starts = self.sittings[self.officer[member]]
        sitting = bisect_right(starts, at - self.officer_delay_s[member])
        return starts[sitting] + self.officer_delay_s[member] if sitting < len(starts) else float("inf")


def make_world(seed: np.random.SeedSequence, setting: Setting) -> World:
    """Draw a world: who there is, which letters go astray, how the hours will run, when officers sit down."""
    rng = {stage: np.random.default_rng(child) for stage, child in zip(STAGES, seed.spawn(len(STAGES)), strict=True)}
    n = setting.n_members
    branch, household = _roll(rng["roll"], setting)
    chose_hall, came = rng["roll"].random((2, n))
    noise = _noise(rng["noise"], setting)
    factor = mean_one(rng["post"], setting.branch_cv, setting.n_branches)
    letter_u = rng["post"].random(n)
    lost, bounced = setting.loss * factor[branch], setting.bounce * factor[branch]
    urge_scale = (1 - setting.turnout) ** (-1 / URGE_SHAPE) - 1  # so that an undisturbed member votes with chance `turnout`
    habits = rng["habits"]
    officers = rng["officers"]
    return World(
        setting=setting,
        streams=rng,
        branch=branch.tolist(),
        household=household.tolist(),
        in_hall=(chose_hall < setting.hall_share).tolist(),
        comes_to_hall=((chose_hall < setting.hall_share) & (came < HALL_ATTENDANCE)).tolist(),
        branch_factor=factor,
        noise=noise,
        edges=hour_edges(setting).tolist(),
        urge_by=np.append(0, np.cumsum(hourly_rates(setting) * noise)).tolist(),
        letter=np.where(letter_u < lost, "lost", np.where(letter_u < lost + bounced, "bounced", "delivered")).tolist(),
        issued_at=rng["post"].uniform(1, ISSUING_S, n).tolist(),
        transit_s=rng["post"].uniform(2, 40, n).tolist(),
        urge=habits.gamma(URGE_SHAPE, urge_scale, n).tolist(),
        first_e=habits.exponential(size=n).tolist(),
        fresh_urge=habits.gamma(URGE_SHAPE, urge_scale, n).tolist(),
        fresh_e=habits.exponential(size=n).tolist(),
        ready_u=habits.random(n).tolist(),
        ready_s=habits.lognormal(np.log(READY_MEDIAN_S), READY_SIGMA, n).tolist(),
        along_u=habits.random(n).tolist(),
        along_s=(MINUTE + habits.exponential(ALONG_S, n)).tolist(),
        asks_after_s=habits.exponential(ASKING_S, n).tolist(),
        courtesy_e=officers.exponential(size=n).tolist(),
        courtesy_rate=(-np.log1p(-np.minimum(setting.courtesy * factor[branch], 0.9))).tolist(),
        notices_after_s=np.where(officers.random(n) < BOUNCE_NOTICED, officers.exponential(NOTICING_S, n), np.inf).tolist(),
        is_bounce_fix=(officers.random(n) < 0.5).tolist(),
        change_u=officers.random(n).tolist(),
        change_gap_s=officers.uniform(MINUTE, 5 * MINUTE, n).tolist(),
        officer=officers.choice(setting.n_administrators, n, p=shares_of_work(setting)).tolist(),
        officer_delay_s=officers.uniform(2 * MINUTE, SITTING_S, n).tolist(),
        sittings=_sittings(officers, setting),
        **_lines(rng["lines"], setting, household),
        replies_after_s=np.where(
            rng["replies"].random((len(setting.reminders), n)) < setting.prompt_reply,
            MINUTE + rng["replies"].exponential(REPLY_S, (len(setting.reminders), n)),
            np.inf,
        ).tolist(),
        opinion=rng["opinions"].normal(0, setting.branch_opinion, setting.n_branches).tolist(),
        place_by_name=np.argsort(np.argsort(rng["opinions"].permutation(n)[household], kind="stable"), kind="stable").tolist(),
    )


def shares_of_work(setting: Setting) -> NDArray[np.float64]:
    """Give the share of each administrator: some do more than others, of every kind of work."""
    share = np.arange(setting.n_administrators, 0, -1.0)
    if setting.busy_officer:
        share[BUSY_OFFICER] = (share.sum() - share[BUSY_OFFICER]) * setting.busy_officer / (1 - setting.busy_officer)
    return share / share.sum()


def _lines(rng: np.random.Generator, setting: Setting, household: NDArray[np.int64]) -> dict[str, list[Any]]:
    """Draw the line by which each member would vote: at home, by telephone through a shared gateway, or at work."""
    n = setting.n_members
    kind, gateway, office = rng.random(n), rng.integers(0, GATEWAYS, n), rng.integers(0, OFFICES, n)
    homes = rng.integers(0, OPERATORS, n)[household]
    is_mobile, is_office = kind < setting.mobile_share, kind > 1 - setting.office_share
    named = [
        f"gateway {g}" if mobile else f"office {o}" if at_work else f"home {home}"
        for mobile, at_work, g, o, home in zip(is_mobile, is_office, gateway, office, household, strict=True)
    ]
    operator = np.where(is_mobile, OPERATORS + gateway // 4, np.where(is_office, office % OPERATORS, homes))
    return {
        "network": named,
        "operator": operator.tolist(),
        "shares_device": (rng.random(n) < SAME_DEVICE).tolist(),
        "commit_s": rng.uniform(0, COMMIT_S, n).tolist(),
    }


def _roll(rng: np.random.Generator, setting: Setting) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw branch and household of every member; members are numbered branch by branch, housemates side by side."""
    weight = rng.lognormal(0, SIZE_SPREAD, setting.n_branches)
    spare = setting.n_members - 10 * setting.n_branches  # no branch below ten members
    sizes = 10 + rng.multinomial(spare, weight / weight.sum())
    branch = np.repeat(np.arange(setting.n_branches), sizes)
    place = np.arange(setting.n_members) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # within the branch
    paired = place < 2 * np.round(setting.household_share * sizes[branch] / 2)
    first = np.where(paired & (place % 2 == 1), np.arange(setting.n_members) - 1, np.arange(setting.n_members))
    return branch, first


def _noise(rng: np.random.Generator, setting: Setting) -> NDArray[np.float64]:
    """Draw one multiplier for every hour since the opening, the same for all members."""
    n, memory = len(hourly_rates(setting)), setting.noise_memory
    if not memory or not setting.noise_cv:
        return mean_one(rng, setting.noise_cv, n)
    steps = rng.standard_normal(n) * np.append(1.0, np.full(n - 1, np.sqrt(1 - memory**2)))
    scores = np.array(list(accumulate(steps.tolist(), lambda before, step: memory * before + step)))
    return gamma.ppf(norm.cdf(scores), 1 / setting.noise_cv**2, scale=setting.noise_cv**2)


def mean_one(rng: np.random.Generator, cv: float, n: int) -> NDArray[np.float64]:
    """Make gamma draws with mean 1 and the given coefficient of variation; ones where it is zero."""
    return rng.gamma(1 / cv**2, cv**2, n) if cv > 0 else np.ones(n)


@lru_cache(maxsize=16)
def _sitting_hours(setting: Setting) -> NDArray[np.float64]:
    """Give the earliest start of every possible sitting, days by sittings, in seconds since the opening."""
    return np.array([[setting.local_seconds(day, hour) for hour, _ in SITTINGS] for day in range(setting.last_day + 1)])


def _sittings(rng: np.random.Generator, setting: Setting) -> list[list[float]]:
    """Draw when each administrator sits down to the work that has come in; all of them keep like hours."""
    hours = _sitting_hours(setting)
    shape = (setting.n_administrators, *hours.shape)
    starts = hours + rng.uniform(0, SITTING_START_SPREAD_S, shape)
    is_held = (rng.random(shape) < np.array([chance for _, chance in SITTINGS])) & (starts > 0) & (starts < setting.length_s)
    return [np.sort(own[held]).tolist() for own, held in zip(starts, is_held, strict=True)]
