"""Names: what people type never becomes syntax, and no two resources share an account."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import (
    NamingRules,
    account_for_resource,
    account_name,
    cleaned,
    described,
    user_name,
)
from allocations.errors import InvalidName, InvalidOrder

UUID = "1a2b3c4d5e6f47a8b9c0d1e2f3a4b5c6"
OTHER = "1a2b3fff5e6f47a8b9c0d1e2f3a4b5c6"
RULES = NamingRules()
LEGAL = re.compile(r"[a-z0-9_][a-z0-9_.-]*\Z")
UUIDS = st.text("0123456789abcdef", min_size=32, max_size=32)
HOSTILE = (
    "",
    " ",
    "a,b",
    "a=b",
    "x account=root",
    "x y",
    "-x",
    "--all",
    ".x",
    "Ada",
    "ada\n",
    "a\nb",
    "a\0b",
    "ada\r",
    "a\tb",
    "a|b",
    "a'b",
    'a"b',
    "a`b",
    "a$b",
    "a/b",
    "a;b",
    "a*",
    "%",
    "ada\u2028",
    "ada\u0662",
    "adа",  # noqa: RUF001 - a Cyrillic a: what it is about
    "é",
    "root",
)


@pytest.mark.parametrize("text", [*HOSTILE, "a" * 33])
def test_a_hostile_text_is_no_user(text: str) -> None:
    with pytest.raises(InvalidName, match="user name"):
        user_name(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_no_account(text: str) -> None:
    with pytest.raises(InvalidName, match="account name"):
        account_name(text)


@pytest.mark.parametrize("text", ["ada", "a", "_ada", "0ada", "ada.lovelace-1", "roots", "a" * 32])
def test_a_plain_name_is_a_user_and_an_account_as_it_stands(text: str) -> None:
    assert user_name(text) == account_name(text) == text


@given(st.text() | st.text("ab,= -\n.ROroot_09", max_size=40))
def test_an_accepted_name_is_never_syntax(text: str) -> None:
    for accept in (user_name, account_name):
        try:
            name = accept(text)
        except InvalidName:
            continue
        assert name == text
        assert LEGAL.match(name)
        assert name != "root"
        assert not set(name) & set(",= \n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Genomics", "genomics"),
        ("Génomique à l'œuvre", "genomiquealuvre"),
        ("  deep learning 2 ", "deeplearning2"),
        ("a,b=c d", "abcd"),
        ("x account=root", "xaccountroot"),
        ("日本", ""),
        ("ＧＰＵ", "gpu"),  # noqa: RUF001 - full-width letters: what it is about
        ("x²", "x2"),
        ("a.b-c_d", "a.b-c_d"),
        ("", ""),
    ],
)
def test_cleaning_keeps_what_may_stand_in_an_account(text: str, expected: str) -> None:
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Genomics\nLab", "Genomics Lab"),
        ('it\'s "q" | `x` \\', "it s q x"),
        ("\ttabs\0 and \u2028 lines\x7f", "tabs and lines"),
        ("é, a=b", "é, a=b"),
        ("\ud800", ""),
        ("x" * 300, "x" * 200),
        ("x" * 199 + " y", "x" * 199),
    ],
)
def test_a_description_is_one_printable_line(text: str, expected: str) -> None:
    assert described(text) == expected


@given(st.text())
def test_a_description_never_breaks_a_line_of_sacctmgr(text: str) -> None:
    kept = described(text)
    assert len(kept) <= 200
    assert kept == kept.strip()
    assert kept.isprintable()
    assert not set(kept) & set("|\"'`\\")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Genomics", "hpc_1a2b3_genomics"),
        ("", "hpc_1a2b3"),
        ("日本", "hpc_1a2b3"),
        ("-.-", "hpc_1a2b3"),
        ("a" * 100, "hpc_1a2b3_" + "a" * 24),
        ("a" * 23 + "-" * 9, "hpc_1a2b3_" + "a" * 23),
    ],
)
def test_an_allocation_is_named_by_prefix_uuid_and_cleaned_name(name: str, expected: str) -> None:
    assert RULES.allocation_account(UUID, name) == expected


def test_customers_and_projects_are_named_by_prefix_and_uuid() -> None:
    rules = NamingRules(customer_prefix="c_", project_prefix="p_")
    assert rules.customer_account(UUID.upper()) == f"c_{UUID}"
    assert rules.project_account(UUID.upper()) == f"p_{UUID}"


@pytest.mark.parametrize("uuid", ["a,b", "x account=root", "a\n"])
def test_a_hostile_uuid_names_nothing(uuid: str) -> None:
    with pytest.raises(InvalidName):
        RULES.customer_account(uuid)
    with pytest.raises(InvalidName):
        RULES.allocation_account(uuid, "")


@pytest.mark.parametrize("prefix", ["", "Hpc_", "a,", "-"])
@pytest.mark.parametrize("kind", ["customer_prefix", "project_prefix", "allocation_prefix"])
def test_a_prefix_is_a_name_itself_and_never_empty(kind: str, prefix: str) -> None:
    with pytest.raises(InvalidName):
        NamingRules(**{kind: prefix})


def test_a_longest_length_leaves_room_for_the_digits() -> None:
    assert NamingRules(allocation_max_length=9).candidates(UUID, "x") == ("hpc_1a2b3",)
    with pytest.raises(InvalidName, match="room for 'hpc_' and 5 digits"):
        NamingRules(allocation_max_length=8)


@given(st.text("abc_", min_size=1, max_size=6), st.integers(11, 60), UUIDS, st.text(max_size=60))
def test_every_candidate_has_the_prefix_and_fits(prefix: str, longest: int, uuid: str, name: str) -> None:
    rules = NamingRules(allocation_prefix=prefix, allocation_max_length=longest)
    candidates = rules.candidates(uuid, name)
    assert candidates
    for candidate in candidates:
        assert candidate.startswith(prefix + uuid[:5])
        assert len(candidate) <= longest
        assert rules.is_managed(candidate)


def test_what_carries_no_prefix_of_ours_is_not_managed() -> None:
    assert not RULES.is_managed("physics")
    assert not RULES.is_managed("root")


def account(*, uuid: str = UUID, name: str = "Genomics", recorded: str | None = None, **more: object) -> str:
    keywords: dict[str, object] = {"owners": {}, **more}
    return account_for_resource(RULES, uuid=uuid, name=name, recorded=recorded, **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "recorded", ["hpc_1a2b3_genomics", "hpc_1a2b3c4d_genomics", "hpc_1a2b3_an-older-name", "hpc_1a2b3"]
)
def test_a_recorded_account_of_the_resource_stays_its_account(recorded: str) -> None:
    assert account(recorded=recorded) == recorded


@pytest.mark.parametrize(
    "recorded",
    [
        "root",
        "physics",
        "hpc_9f9f9_genomics",
        "hpc_1a2b",
        "hpc_1a2b3,root",
        "hpc_1a2b3 x",
        "hpc_1a2b3\n",
        "hpc_1A2B3",
    ],
)
def test_a_foreign_or_hostile_recorded_account_is_refused(recorded: str) -> None:
    with pytest.raises(InvalidOrder, match="no account of this resource"):
        account(recorded=recorded)


@pytest.mark.parametrize("recorded", [None, ""])
def test_a_resource_that_records_nothing_gets_its_preferred_name(recorded: str | None) -> None:
    assert account(recorded=recorded) == "hpc_1a2b3_genomics"


def test_a_taken_name_gets_more_digits() -> None:
    assert account(owners={"hpc_1a2b3_genomics": OTHER}) == "hpc_1a2b3c4d_genomics"


def test_a_protected_name_is_never_an_allocation() -> None:
    assert account(name="", protected={"hpc_1a2b3"}) == "hpc_1a2b3c4d"


def test_a_recorded_account_that_another_resource_records_is_refused() -> None:
    with pytest.raises(InvalidOrder, match="belongs to another resource"):
        account(recorded="hpc_1a2b3_genomics", owners={"hpc_1a2b3_genomics": OTHER})


def test_a_recorded_protected_account_is_refused() -> None:
    with pytest.raises(InvalidOrder, match="belongs to another resource"):
        account(recorded="hpc_1a2b3_default", protected={"hpc_1a2b3_default"})


def test_without_any_free_name_the_order_is_refused() -> None:
    owners = dict.fromkeys(RULES.candidates(UUID, "Genomics"), OTHER)
    with pytest.raises(InvalidOrder, match="belongs to another resource"):
        account(owners=owners)


@given(
    st.lists(
        st.tuples(st.text("ab", min_size=32, max_size=32), st.sampled_from(["", "a", "b", "A ", "日"])),
        unique_by=lambda resource: resource[0],
        max_size=12,
    )
)
def test_two_resources_never_share_an_account_and_keep_theirs(resources: list[tuple[str, str]]) -> None:
    owners: dict[str, str] = {}
    for uuid, name in resources:
        given_to = account(uuid=uuid, name=name, owners=owners)
        assert given_to not in owners
        owners[given_to] = uuid
    for found, uuid in owners.items():
        assert account(uuid=uuid, name=dict(resources)[uuid], recorded=found, owners=owners) == found


def test_a_refused_name_survives_being_pickled() -> None:
    refusal = InvalidName("user name", "a,b", "letters")
    assert str(pickle.loads(pickle.dumps(refusal))) == str(refusal)  # noqa: S301 - our own bytes
