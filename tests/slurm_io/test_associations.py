"""What sacctmgr shows, as accounts and who may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
from allocations.limits import as_shown
from allocations.model import Account, Association, ClusterState
from allocations.plan import Plan, diff
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import parse_associations

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = (0, 1, 2, 4, 7)
"""The columns of the wider captures (capture.py) that this door asks for."""


def columns(text: str) -> str:
    lines = (line.split("|") for line in text.splitlines())
    return "".join("|".join(fields[n] for n in OURS) + "\n" for fields in lines)


def test_the_doors_own_question_is_answered(captured: Callable[[str], str]) -> None:
    cluster = parse_associations(captured("door-show-assoc.out"))
    assert cluster.accounts[ROOT] == Account(ROOT, None)
    assert cluster.accounts[AccountName("cloudrock")] == Account(AccountName("cloudrock"), ROOT)
    assert cluster.users_of(AccountName("shown_600")) == {"crr_eve"}, "two rows, one per partition"
    shown = {name: a.grp_tres_mins for name, a in cluster.accounts.items() if name.startswith("shown_")}
    for name, limits in shown.items():
        stored = int(name.removeprefix("shown_"))
        assert limits["cpu"] == limits["gres/gpu"] == stored
        assert as_shown("mem", limits["mem"]) == as_shown("mem", stored)


def test_every_limit_that_a_person_would_set_is_read_exactly(captured: Callable[[str], str]) -> None:
    cluster = parse_associations(columns(captured("show-assoc.out")))
    inexact = []
    for name, account in cluster.accounts.items():
        if name.startswith("mem_") and account.grp_tres_mins["mem"] != int(name.removeprefix("mem_")):
            inexact.append(name)
    assert inexact == [], "1.00T is read as the number that sacctmgr shows so"


def test_nested_accounts_and_odd_users_are_read(captured: Callable[[str], str]) -> None:
    cluster = parse_associations(columns(captured("show-assoc.out")))
    hpc_1 = AccountName("hpc_1")
    assert cluster.accounts[hpc_1].parent == "hpc_1c"
    assert cluster.accounts[hpc_1].grp_tres_mins == {"cpu": 60000, "gres/gpu:a100": 1200, "gres/gpu": 1200}
    rows = [line.split("|") for line in captured("show-assoc.out").splitlines()]
    for name in ("hpc_1", "hpc_1a"):
        users = [row[2] for row in rows if row[1] == name and row[2]]
        assert cluster.users_of(AccountName(name)) == set(users)
    assert len(users) == len(set(users)) + 1, "one of hpc_1a's users has a row for a partition as well"


@pytest.mark.parametrize("name", ["show-assoc-fresh-cluster.out", "show-assoc-after-deletes.out"])
def test_other_captured_clusters_are_read(captured: Callable[[str], str], name: str) -> None:
    text = captured(name)
    cluster = parse_associations(columns(text))
    assert len(cluster.accounts) == sum(line.split("|")[2] == "" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the account root among the rows"),
        ("c|a|||\n", "the account root among the rows"),
        ("c|root|||\nd|root|||\n", "the associations of one cluster"),
        ("|root|||\n", "a cluster and an account in every row"),
        ("c||ada||\n", "a cluster and an account in every row"),
        ("c|root||\n", "5 fields"),
        ("c|root||||\n", "5 fields"),
        ("c|root|||\n\n", "5 fields"),
        ("c|root|||", "a complete last line"),
        ("c|root|||\nc|a||root|cpu=1", "a complete last line"),
        ("c|root|||cpu\n", "TRES as name=count"),
        ("c|root|||=5\n", "TRES as name=count"),
        ("c|root|||cpu=1,cpu=1\n", "each once"),
        ("c|root|||cpu=\n", "a count"),
        ("c|root|||cpu=-1\n", "a count"),
        ("c|root|||cpu=1,\n", "TRES as name=count"),
    ],
)
def test_what_is_no_answer_is_an_error_and_no_guess(text: str, words: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match=words):
        parse_associations(text)


def test_a_line_ends_at_a_newline_only() -> None:
    cluster = parse_associations("c|root|||\nc|a\u2028b\x85||root|\n")
    assert AccountName("a\u2028b\x85") in cluster.accounts


LIMITS = st.dictionaries(
    st.sampled_from(["cpu", "mem", "gres/gpu"]),
    st.integers(0, 2**49) | st.integers(0, 2**40).map(lambda n: n * 512),
)


@given(
    st.dictionaries(
        st.sampled_from(["hpc_a", "hpc_b", "hpc_c"]), st.tuples(LIMITS, st.sets(st.sampled_from("ab")))
    )
)
def test_a_cluster_that_shows_what_was_asked_for_leaves_nothing_to_plan(
    wanted: dict[str, tuple[dict[str, int], set[str]]],
) -> None:
    accounts = {AccountName(n): Account(AccountName(n), ROOT, limits) for n, (limits, _) in wanted.items()}
    pairs = frozenset(
        Association(AccountName(n), UserName(u)) for n, (_, users) in wanted.items() for u in users
    )
    lines = ["c|root|||", "c|root|root||"]
    for name, account in accounts.items():
        limits = ",".join(
            f"{tres}={as_shown(tres, number)}" for tres, number in account.grp_tres_mins.items()
        )
        lines += [f"c|{name}||root|{limits}", *(f"c|{name}|{a.user}||" for a in pairs if a.account == name)]
    observed = parse_associations("\n".join(lines) + "\n")
    assert diff(ClusterState(accounts, pairs), observed) == Plan()
