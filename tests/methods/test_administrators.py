"""Labels of administrators: by how much they handled over all logs, never members or the program, and the same each time."""

from cases import tiny, utc

from analysis_lib.methods.administrators import acts, labels

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
