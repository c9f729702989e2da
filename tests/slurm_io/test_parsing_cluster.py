"""What sacctmgr and squeue print of the cluster, as records: captured text and broken text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, ClusterName, UserName
from allocations.limits import as_shown
from allocations.model import Account, Association, ClusterState
from allocations.plan import Plan, diff
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing_cluster import (
    ActiveJob,
    parse_active,
    parse_associations,
    parse_limits,
    with_default_accounts,
    with_organizations,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Captured = Callable[[str], str]

BARE = ClusterState({ROOT: Account(ROOT, None), AccountName("hpc_a"): Account(AccountName("hpc_a"), ROOT)})
SANDBOX, C = ClusterName("sandbox"), ClusterName("c")
WORK, GOING = AccountName("hpc_work"), AccountName("hpc_going")
OURS = (0, 1, 2, 4, 7)
"""The columns of the wider captures (capture.py) that this door asks for; GrpSubmitJobs is the last there."""


def columns(text: str) -> str:
    lines = (line.split("|") for line in text.splitlines())
    return "".join("|".join(fields[n] for n in OURS) + f"|{fields[9]}|\n" for fields in lines)


def whole(captured: Captured) -> ClusterState:
    state = parse_associations(captured("door-show-assoc.out"), SANDBOX)
    state = with_organizations(state, captured("door-show-account.out"))
    return with_default_accounts(state, captured("door-show-user.out"))


def test_the_doors_own_question_is_answered(captured: Captured) -> None:
    cluster = parse_associations(captured("door-show-assoc.out"), SANDBOX)
    assert cluster.accounts[ROOT] == Account(ROOT, None)
    assert cluster.accounts[AccountName("cloudrock")] == Account(AccountName("cloudrock"), ROOT)
    assert cluster.users_of(AccountName("shown_600")) == {"crr_eve"}, "two rows, one per partition"
    shown = {name: a.grp_tres_mins for name, a in cluster.accounts.items() if name.startswith("shown_")}
    for name, limits in shown.items():
        stored = int(name.removeprefix("shown_"))
        assert limits["cpu"] == limits["gres/gpu"] == stored
        assert as_shown("mem", limits["mem"]) == as_shown("mem", stored)


def test_an_account_that_we_closed_is_draining_and_one_that_we_made_is_ours(captured: Captured) -> None:
    accounts = whole(captured).accounts
    facts = {
        name: (a.ours, a.draining, a.closed) for name, a in accounts.items() if not name.startswith("shown")
    }
    assert facts == {
        ROOT: (False, False, False),
        "cloudrock": (False, False, False),
        "hpc_customer": (True, False, False),
        "hpc_project": (True, False, False),
        WORK: (True, False, False),
        GOING: (True, True, True),
    }
    assert accounts[WORK].grp_tres_mins == {"cpu": 60000, "mem": 1536, "gres/gpu:a100": 0}
    assert (accounts[WORK].parent, accounts[AccountName("hpc_project")].parent) == (
        "hpc_project",
        "hpc_customer",
    )


def test_only_who_was_closed_by_us_is_closed(captured: Captured) -> None:
    cluster = whole(captured)
    assert cluster.closed == {Association(WORK, UserName("crr_ida"))}
    assert cluster.users_of(GOING) == {"crr_max"}, "his MaxSubmitJobs of 0 is the account's own"


def test_who_lost_his_default_account_has_none_and_without_associations_he_is_not_known(
    captured: Captured,
) -> None:
    cluster = whole(captured)
    assert cluster.default_accounts == {"root": ROOT, "crr_eve": "cloudrock", "crr_ida": "cloudrock"}
    assert "crr_max" in cluster.users
    assert "crr_lost" not in cluster.users
    assert "crr_lost|\n" in captured("door-show-user.out")


def test_every_limit_that_a_person_would_set_is_read_exactly(captured: Captured) -> None:
    cluster = parse_associations(columns(captured("show-assoc.out")), SANDBOX)
    inexact = []
    for name, account in cluster.accounts.items():
        if name.startswith("mem_") and account.grp_tres_mins["mem"] != int(name.removeprefix("mem_")):
            inexact.append(name)
    assert inexact == [], "1.00T is read as the number that sacctmgr shows so"
    closed = {name for name, account in cluster.accounts.items() if account.closed}
    assert closed == {"hpc_1b"}


def test_nested_accounts_and_odd_users_are_read(captured: Captured) -> None:
    cluster = parse_associations(columns(captured("show-assoc.out")), SANDBOX)
    hpc_1 = AccountName("hpc_1")
    assert cluster.accounts[hpc_1].parent == "hpc_1c"
    assert cluster.accounts[hpc_1].grp_tres_mins == {"cpu": 60000, "gres/gpu:a100": 1200, "gres/gpu": 1200}
    rows = [line.split("|") for line in captured("show-assoc.out").splitlines()]
    for name in ("hpc_1", "hpc_1a"):
        users = [row[2] for row in rows if row[1] == name and row[2]]
        assert cluster.users_of(AccountName(name)) == set(users)
    assert len(users) == len(set(users)) + 1, "one of hpc_1a's users has a row for a partition as well"


@pytest.mark.parametrize("name", ["show-assoc-fresh-cluster.out", "show-assoc-after-deletes.out"])
def test_other_captured_clusters_are_read(captured: Captured, name: str) -> None:
    text = captured(name)
    cluster = parse_associations(columns(text), SANDBOX)
    assert len(cluster.accounts) == sum(line.split("|")[2] == "" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the account root among the rows"),
        ("c|a|||||\n", "the account root among the rows"),
        ("d|root|||||\n", "the account root among the rows"),
        ("c||ada||||\n", "an account in every row"),
        ("c|root||||\n", "7 fields"),
        ("c|root||||||\n", "7 fields"),
        ("c|root|||||\n\n", "7 fields"),
        ("c|root|||||", "a complete last line"),
        ("c|root|||||\nc|a||root|cpu=1", "a complete last line"),
        ("c|root|||cpu||\n", "TRES as name=count"),
        ("c|root|||=5||\n", "TRES as name=count"),
        ("c|root|||cpu=1,cpu=1||\n", "each once"),
        ("c|root|||cpu=||\n", "a count"),
        ("c|root|||cpu=-1||\n", "a count"),
        ("c|root|||cpu=1,||\n", "TRES as name=count"),
    ],
)
def test_what_is_no_answer_is_an_error_and_no_guess(text: str, words: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match=words):
        parse_associations(text, C)


@pytest.mark.parametrize("limit", ["-1", "x", "0.5", "00x", " 0", "1e3"])
def test_a_submit_limit_that_is_no_number_is_an_error_that_shows_the_line(limit: str) -> None:
    for line in (f"c|hpc_a||root||{limit}|", f"c|hpc_a||root|||{limit}", f"c|hpc_a|ada|||{limit}|0"):
        with pytest.raises(UnexpectedSlurmOutput, match="a number of jobs, or nothing") as error:
            parse_associations(f"c|root|||||\n{line}\n", C)
        assert line in str(error.value)


def test_a_line_ends_at_a_newline_only() -> None:
    cluster = parse_associations("c|root|||||\nc|a\u2028b\x85||root|||\n", C)
    assert AccountName("a\u2028b\x85") in cluster.accounts


@pytest.mark.parametrize(
    ("rows", "closed", "barred"),
    [
        (["|"], False, False),
        (["5|5"], False, False),
        (["0|0"], True, False),
        (["|0"], False, True),
        (["0|"], False, True),
        (["5|0"], False, True),
        (["0|0", "0|0"], True, False),
        (["0|0", "|"], False, False),
        (["|", "0|0"], False, False),
        (["0|0", "|0"], False, True),
        (["|0", "|"], False, False),
    ],
)
def test_an_association_is_closed_when_both_limits_of_all_its_rows_are_0_and_barred_when_one_of_each_is(
    rows: list[str],
    closed: bool,  # noqa: FBT001 - a table's column
    barred: bool,  # noqa: FBT001 - the same
) -> None:
    text = "c|root|||||\nc|hpc_a||root|||\n" + "".join(f"c|hpc_a|ada|||{row}\n" for row in rows)
    cluster = parse_associations(text, C)
    assert cluster.users_of(AccountName("hpc_a")) == {"ada"}
    assert (bool(cluster.closed), bool(cluster.barred)) == (closed, barred)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("", {}),
        ("mem=600000G", {"mem": 614400000}),
        ("mem=1.00T", {"mem": 1049088}),
        ("mem=1T", {"mem": 1048576}),
        ("mem=4.25G", {"mem": 4352}),
        ("mem=585.94T", {"mem": 614402621}),
        ("cpu=9007199254740993", {"cpu": 9007199254740993}),
    ],
)
def test_a_limit_is_read_as_near_as_sacctmgr_shows_it(text: str, minutes: dict[str, int]) -> None:
    assert parse_limits(text, "sacctmgr") == minutes


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
    lines = ["c|root|||||", "c|root|root||||"]
    for name, account in accounts.items():
        limits = ",".join(
            f"{tres}={as_shown(tres, number)}" for tres, number in account.grp_tres_mins.items()
        )
        lines += [
            f"c|{name}||root|{limits}||",
            *(f"c|{name}|{a.user}||||" for a in pairs if a.account == name),
        ]
    observed = parse_associations("\n".join(lines) + "\n", C)
    assert diff(ClusterState(accounts, pairs), observed, AccountName("cloudrock")) == Plan()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\n", "2 fields"),
        ("a|b|c\n", "2 fields"),
        ("|b\n", "a name in every row, and each once"),
        ("a|b\na|c\n", "a name in every row, and each once"),
    ],
)
def test_an_odd_row_of_accounts_or_users_is_an_error_that_shows_it(text: str, words: str) -> None:
    for parse in (with_organizations, with_default_accounts):
        with pytest.raises(UnexpectedSlurmOutput, match=words) as error:
            parse(BARE, f"root|root\n{text}")
        assert text.splitlines()[-1] in str(error.value)


def test_a_state_is_told_anew() -> None:
    before = replace(BARE, default_accounts={UserName("gone"): ROOT})
    assert with_default_accounts(before, "ada|hpc_a\n").default_accounts == {"ada": "hpc_a"}


def test_jobs_in_the_way_are_read_from_both_sources(captured: Captured) -> None:
    queued = parse_active(captured("door-squeue.out"), "squeue")
    running = parse_active(captured("door-sacct-active.out"), "sacct")
    assert len(queued) > len(running) == 2, "pending jobs are in slurmctld's queue only"
    assert set(running) < set(queued), "running and suspended ones are in both, under the same id"
    assert {job.account for job in queued} == {WORK}
    assert {job.user for job in running} == {"crr_eve", "crr_max"}


@pytest.mark.parametrize(
    "line",
    ["12|hpc_a", "12|hpc_a|ada|x", "|hpc_a|ada", "12||ada", "12|hpc_a|", "x|hpc_a|ada", "12_3|hpc_a|ada"],
)
def test_an_odd_job_is_an_error_that_shows_the_line(line: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput) as error:
        parse_active(f"11|hpc_a|ada\n{line}\n", "squeue")
    assert line in str(error.value)
    assert parse_active("11|hpc_a|ada\n", "squeue") == (
        ActiveJob("11", AccountName("hpc_a"), UserName("ada")),
    )
