"""Write the made-up examples again: `python -m analysis_lib.simulate --examples`."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis_lib.locations import EXAMPLES
from analysis_lib.simulate import OFFICE_LIFE, PLANTS, Setting, peers, selection, write_package

SEED = 20311019  # picked among eight so that the twin is quiet and all plants show: an illustration, no evidence on error rates
N_PEERS = 20
PLACE = "Made-up Vale: no such place, party or person"
WORLD = (
    "MADE UP by analysis_lib.simulate. A selection of 500 members with a 14-day online ballot, a hustings with a paper ballot, "
    "reminders, letters that bounce or go astray, and routine new codes; beside it 20 made-up selections to compare it with."
)
PLANTED = (
    "Planted in it: one administrator changes addresses, sends new codes there and ballots follow; ballots stamped after the "
    "close; a burst of ballots at night. truth.json lists them."
)
HILL_SEED = 20311102
HILL = (
    "MADE UP by analysis_lib.simulate. A selection of 600 members as its offices see it: who did what to whom in the platform, eight "
    "weeks of earlier changes, copies of the roll and candidates' lists, an import of affiliates, a tidying-up of addresses, bounces "
    "after reminders, members helped at a stall, and a survey. Planted in it: one administrator's chains of new address, new code and "
    "ballot, some undone afterwards; one mailbox given to five members; and a list that one candidate got days before the other. truth.json lists them."
)
HILL_WORLD = OFFICE_LIFE | {
    "n_members": 600, "applications": False, "chain_reverts": 0.5, "plants": frozenset({"reissue_chain", "one_mailbox", "early_list"}),
}  # fmt: skip
CLEAN = "Nothing is planted in it. It is the twin of made_up_vale: the same members, letters and hours."


def write_examples(folder: Path = EXAMPLES) -> None:
    """Write `made_up_vale` and its twin into a folder, with the same peers beside both; and `made_up_hill`, which has none."""
    others = peers(SEED, N_PEERS)
    for name, title, plants, words in (
        ("made_up_vale", "Made-up Vale, with three plants", frozenset(PLANTS), PLANTED),
        ("made_up_vale_clean", "Made-up Vale, its innocent twin", frozenset[str](), CLEAN),
    ):
        made = selection(SEED, Setting(plants=plants))
        write_package(made, folder / name, name=name, title=title, description=f"{WORLD} {words}", peers=others)
    hill = selection(HILL_SEED, Setting(**HILL_WORLD))
    title = "Made-up Hill, its offices and its roll, with three plants"
    write_package(hill, folder / "made_up_hill", name="made_up_hill", title=title, description=HILL)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m analysis_lib.simulate", description=__doc__)
    parser.add_argument(
        "--examples", action="store_true", required=True, help="rewrite the made-up examples in data_schema/examples"
    )
    parser.add_argument("--out", type=Path, default=EXAMPLES, help="write them into this folder instead")
    write_examples(parser.parse_args().out)


if __name__ == "__main__":
    main()
