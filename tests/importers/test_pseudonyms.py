import hashlib
import hmac
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.importers.pseudonyms import (
    CANONICAL_RULES,
    KINDS,
    CaseKey,
    canonical,
    default_path,
    email_domain_class,
    load_case_key,
    new_case_key,
    save_case_key,
)

KEY = CaseKey(bytes(range(32)))


def test_a_key_is_hmac_sha256_of_kind_and_canonical_text():
    wanted = hmac.new(bytes(range(32)), b"member:A1234567", hashlib.sha256).hexdigest()[:32]
    assert KEY.key("member", " a123-4567 ") == wanted


def test_the_same_text_of_another_kind_has_another_key():
    keys = {KEY.key(kind, "12345678") for kind in KINDS}
    assert len(keys) == len(KINDS)


def test_a_blank_text_has_no_key():
    assert [KEY.key(kind, "  ") for kind in ("member", "email", "address", "name")] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("member", "a12 34", "A12-34"),
        ("member", "A12\u201134", "A1234"),  # a hyphen that doesn't break
        ("member", "lab-00 12", "LAB0012"),
        ("member", " a-b ", "A-B"),
        ("email", " Ann.Lee@EXAMPLE.org", "ann.lee@example.org"),
        ("email", "ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("phone", "020 7946 0018", "+44 20 7946 0018"),
        ("phone", "(07700) 900123", "+447700900123"),
        ("address", "Flat 2, 1 High St.", "flat 2  1 high st"),
        ("ip", "2001:DB8:0::1", "2001:db8::1"),
        ("ip_prefix", "192.0.2.7", "192.0.2.200"),
        ("ip_prefix", "2001:db8:1:2::3", "2001:db8:1:9::3"),
        ("name", "ANN  Lee", "ann lee"),
    ],
)
def test_one_thing_written_two_ways_has_one_key(kind, one, other):
    assert KEY.key(kind, one) == KEY.key(kind, other)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("member", "00123", "123"),  # zeros in front are part of a number
        ("member", "a-b", "ab"),  # names of accounts
        ("member", "abcd-12", "abcd12"),
        ("member", "a1-b", "a1b"),
        ("email", "ann+x@example.org", "ann@example.org"),
        ("email", "a.nn@example.org", "ann@example.org"),
        ("address", "Flat 2, 1 High St", "1 High St"),
        ("ip_prefix", "192.0.2.7", "192.0.3.7"),
    ],
)
def test_two_things_keep_two_keys(kind, one, other):
    assert KEY.key(kind, one) != KEY.key(kind, other)


def test_a_number_that_cannot_be_read_is_hashed_by_its_digits():
    assert canonical("phone", "ext 12-3") == "123"


def test_the_region_decides_numbers_without_a_country():
    assert canonical("phone", "030 901820", "DE") == "+4930901820"
    assert canonical("phone", "020 7946 0018", "gb") == "+442079460018"


def test_every_kind_has_a_rule_in_words():
    assert all(CANONICAL_RULES[kind] for kind in KINDS)


@STEADY
@given(st.sampled_from(KINDS), st.text(max_size=40))
def test_a_canonical_form_stays_as_it_is(kind, text):
    once = canonical(kind, text)
    if kind not in ("phone", "ip_prefix", "address", "member", "name", "email", "officer"):
        assert canonical(kind, once) == once
    key = KEY.key(kind, text)
    assert key == "" or (len(key) == 32 and set(key) <= set("0123456789abcdef"))


def test_the_secret_is_not_shown():
    assert "secret" not in repr(KEY)
    assert bytes(range(32)).hex() not in repr(KEY)


def test_a_case_key_lies_beside_the_package(tmp_path):
    assert default_path(tmp_path / "vale") == tmp_path / "vale.case-key"


def test_a_case_key_is_written_for_its_owner_alone_and_read_again(tmp_path):
    path, package = tmp_path / "vale.case-key", tmp_path / "vale"
    key = new_case_key()
    save_case_key(key, path, package)
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert load_case_key(path, package).key("member", "A1") == key.key("member", "A1")
    assert new_case_key().key("member", "A1") != key.key("member", "A1")


def test_a_case_key_that_is_there_is_not_overwritten(tmp_path):
    path = tmp_path / "k"
    path.write_text("something")
    with pytest.raises(ParameterError, match=r"can't be written there \(File exists\)"):
        save_case_key(KEY, path, tmp_path / "vale")
    assert path.read_text() == "something"


@pytest.mark.parametrize("place", ["vale/key", "vale/data/key", "vale/../vale/key"])
def test_a_case_key_never_lies_in_the_package(tmp_path, place):
    (tmp_path / "vale" / "data").mkdir(parents=True)
    with pytest.raises(ParameterError, match=r"would lie in the package's folder"):
        save_case_key(KEY, tmp_path / place, tmp_path / "vale")


def test_a_case_key_behind_a_link_into_the_package_is_refused(tmp_path):
    (tmp_path / "vale").mkdir()
    inside = tmp_path / "vale" / "key"
    inside.write_text("0" * 64)
    (tmp_path / "link").symlink_to(inside)
    with pytest.raises(ParameterError, match=r"would lie in the package's folder"):
        load_case_key(tmp_path / "link", tmp_path / "vale")


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_case_key_that_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "k"
    path.write_text("0" * 64)
    path.chmod(mode)
    with pytest.raises(ParameterError, match=r"others on this computer may read the case key.*chmod 600"):
        load_case_key(path, tmp_path / "vale")


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "g" * 64, "0" * 64 + " x"])
def test_a_file_that_is_no_case_key_is_refused(tmp_path, text):
    path = tmp_path / "k"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ParameterError, match=r"this isn't a case key. Expected 64 hexadecimal digits"):
        load_case_key(path, tmp_path / "vale")


def test_a_case_key_that_is_not_there_says_what_is_lost_without_it(tmp_path):
    with pytest.raises(ParameterError, match=r"can't be joined with those imported before"):
        load_case_key(tmp_path / "k", tmp_path / "vale")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "missing"),
        ("ann@GMAIL.com", "free_webmail"),
        ("ann@btinternet.com", "isp"),
        ("ann@labour.org.uk", "party"),
        ("ann@mailinator.com", "disposable"),
        ("ann@leeds.ac.uk", "education"),
        ("ann@mit.edu", "education"),
        ("ann@somewhere.nhs.uk", "work"),
        ("ann@example.com", "placeholder"),
        ("noemail@party.org", "placeholder"),
        ("none@x.org", "placeholder"),
        ("0000@x.org", "placeholder"),
        ("not an address", "placeholder"),
        ("ann@lee-family.org", "unknown"),
        ("nonette@lee-family.org", "unknown"),
    ],
)
def test_the_class_of_an_address(address, expected):
    assert email_domain_class(address) == expected


def test_a_case_key_lies_in_no_other_package_either(tmp_path):
    (tmp_path / "datapackage.json").write_text("{}")
    with pytest.raises(ParameterError, match=r"would lie in the folder of another package"):
        save_case_key(new_case_key(), tmp_path / "deep/inner.case-key", tmp_path / "deep/inner")
    assert not (tmp_path / "deep").exists()
