"""Labels of administrators: by how much they handled over all logs, never members or the program, and the same each time."""

import polars as pl
from cases import tiny, utc

from analysis_lib.methods.administrators import SOMEBODY, acts, labels, roles_of_one, told_role

AT = utc("2031-10-10 10:00")


def credential(actor, role="national_staff"):
    return {"voter_key": "v1", "event": "reissued_new", "at": AT, "actor_key": actor, "actor_role": role}


def test_whoever_handled_most_over_all_logs_is_the_first(tmp_path):
    case = tiny(
        tmp_path,
        credential_events=[credential("a0"), credential("b0"), credential("b0"), credential("c0")],
        contact_changes=[{"voter_key": "v1", "field": "email", "at": AT, "actor_key": "c0", "actor_role": "national_staff"}],
        admin_actions=[{"action": "login", "at": AT, "actor_key": "c0", "actor_role": "platform_staff"}],
    )
    assert labels(case) == {"c0": "administrator 01", "b0": "administrator 02", "a0": "administrator 03"}


def test_members_and_the_program_are_no_administrators(tmp_path):
    rows = [
        credential("a0", "self"),
        credential("b0", "system"),
        credential(None),
        credential("c0", "unknown"),
        credential("d0", None),
    ]
    assert labels(tiny(tmp_path, credential_events=rows)) == {"c0": "administrator 01", "d0": "administrator 02"}


def test_accounts_with_as_much_are_in_the_order_of_their_keys_whatever_the_order_of_rows(tmp_path):
    rows = [credential(key) for key in ("b0", "a0", "d0", "c0")]
    there = labels(tiny(tmp_path / "1", credential_events=rows))
    assert there == labels(tiny(tmp_path / "2", credential_events=rows[::-1]))
    assert list(there) == ["a0", "b0", "c0", "d0"]


def test_a_hundred_and_more_are_all_as_wide(tmp_path):
    case = tiny(tmp_path, credential_events=[credential(f"{i:03d}a") for i in range(100)])
    assert set(map(len, labels(case).values())) == {len("administrator 001")}


def test_nobody_at_all(tmp_path):
    case = tiny(tmp_path)
    assert labels(case) == {}
    assert acts(case).height == 0


def test_a_role_that_one_person_holds_is_not_told(tmp_path):
    rows = [
        credential("a0", "procedures_secretary"),
        credential("b0"),
        credential("c0"),
        credential("d0", "self"),
        credential("e0", "system"),
    ]
    moved = {"voter_key": "v1", "change": "added", "at": AT, "derived_from": "log", "actor_role": "regional_staff"}
    case = tiny(tmp_path, credential_events=rows, roll_changes=[moved | {"actor_key": "f0"}], ballot_events=[])
    assert roles_of_one(case) == ["procedures_secretary", "regional_staff"]
    roles = pl.DataFrame({"actor_role": ["procedures_secretary", "national_staff", "self", None, "local_officer"]})
    assert roles.select(told_role(case))["actor_role"].to_list() == [SOMEBODY, "national_staff", "self", None, "local_officer"]


def test_a_second_holder_in_any_log_lets_a_role_be_told(tmp_path):
    edit = {"voter_key": "v1", "field": "email", "at": AT, "actor_role": "national_staff"}
    one = tiny(tmp_path / "1", credential_events=[credential("a0")], contact_changes=[edit | {"actor_key": "a0"}])
    two = tiny(tmp_path / "2", credential_events=[credential("a0")], contact_changes=[edit | {"actor_key": "b0"}])
    assert (roles_of_one(one), roles_of_one(two)) == (["national_staff"], [])
    assert roles_of_one(tiny(tmp_path / "3", credential_events=[credential(None)])) == []  # nobody can tell how many
