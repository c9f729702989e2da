"""Argument vectors, word by word; nothing that is no name becomes one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import AccountName, UserName
from allocations.errors import InvalidName
from allocations.model import Account, AddUsers, Change, CreateAccount, SetLimits
from slurm_io.commands import (
    commands_for,
    show_account_usage,
    show_association_ids,
    show_associations,
    show_cluster_usage,
    show_clusters,
    show_jobs,
    show_reservations,
    show_these_jobs,
)

A, B, DEFAULT = AccountName("hpc_a"), AccountName("hpc_b"), AccountName("cloudrock")
ADA, BOB = UserName("ada"), UserName("bob")
HOSTILE = ("", "a,b", "x account=root", "-x", "Ada", "ada\n", "a=b", "a b", "root", "a|b", "é")


def test_the_cluster_is_read_in_one_call() -> None:
    fields = "format=cluster,account,user,parentname,grptresmins"
    assert show_associations() == ("sacctmgr", "-nP", "show", "assoc", fields)


def test_jobs_are_read_whole_clipped_exact_and_without_steps() -> None:
    argv = show_jobs(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 1, 23, 59, 59, tzinfo=UTC))
    assert argv == (
        "sacct",
        "-XDTanP",
        "--noconvert",
        "-S",
        "2026-09-01T00:00:00",
        "-E",
        "2026-09-01T23:59:59",
        "--format=account,user,alloctres,elapsedraw,start,end,state,jobidraw",
    )


HOUR = datetime(2026, 9, 1, 7, tzinfo=UTC)
BOUNDS = ("start=2026-09-01T06:00:00", "end=2026-09-01T07:00:00")
EARLIER = datetime(2026, 9, 1, 6, tzinfo=UTC)


def test_suspended_jobs_are_read_by_their_ids_clipped_and_as_they_stand() -> None:
    for clipped, flags in ((True, "-XDTanP"), (False, "-XDanP")):
        argv = show_these_jobs(["7", "12"], HOUR, clipped=clipped)
        bounds = ("-S", "1970-01-02T00:00:00", "-E", "2026-09-01T07:00:00")
        assert argv[:-1] == ("sacct", flags, "--noconvert", "-j", "7,12", *bounds)


@pytest.mark.parametrize("job_ids", [[], [""], ["7", "-x"], ["7,8"], ["all"], ["\u0667"]])
def test_what_is_no_job_id_would_select_other_jobs_and_is_refused(job_ids: list[str]) -> None:
    with pytest.raises(InvalidName, match="job id"):
        show_these_jobs(job_ids, HOUR, clipped=True)


def test_slurmdbds_own_sums_are_asked_for_in_whole_hours_and_seconds() -> None:
    program = ("sreport", "-nP", "-t", "seconds", "-T")
    assert show_account_usage(EARLIER, HOUR, ["cpu", "gres/gpu"]) == (
        *program,
        "cpu,gres/gpu",
        "cluster",
        "AccountUtilizationByUser",
        *BOUNDS,
        "format=cluster,account,login,tresname,used",
    )
    utilization = ("cluster", "Utilization", *BOUNDS, "format=cluster,tresname,reported")
    assert show_cluster_usage(EARLIER, HOUR) == (*program, "cpu", *utilization)
    with pytest.raises(ValueError, match="is no whole hour"):
        show_cluster_usage(EARLIER, datetime(2026, 9, 1, 7, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize("tres", [[], [""], ["cpu,mem"], ["ALL x"]])
def test_a_hostile_tres_is_not_asked_for(tres: list[str]) -> None:
    with pytest.raises(InvalidName, match="TRES"):
        show_account_usage(EARLIER, HOUR, tres)


def test_reservations_clusters_and_associations_are_one_call_each() -> None:
    fields = "format=cluster,name,associations,start,end,tres,unusedwall"
    assert show_reservations(EARLIER, HOUR) == ("sacctmgr", "-nP", "show", "reservation", *BOUNDS, fields)
    assert show_clusters() == ("sacctmgr", "-nP", "show", "cluster", "format=cluster")
    assert show_association_ids() == ("sacctmgr", "-nP", "show", "assoc", "format=id,account")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            CreateAccount(Account(A, B, {"mem": 5, "cpu": 0}, "Genomics Lab")),
            (
                "add",
                "account",
                "name=hpc_a",
                "parent=hpc_b",
                "description=Genomics Lab",
                "organization=cloudrock",
                "GrpTRESMins=cpu=0,mem=5",
            ),
        ),
        (
            CreateAccount(Account(A, AccountName("root"))),
            ("add", "account", "name=hpc_a", "parent=root", "description=hpc_a", "organization=cloudrock"),
        ),
        (
            CreateAccount(Account(A, None, description="a\n'b' | \"c\"")),
            ("add", "account", "name=hpc_a", "parent=root", "description=a b c", "organization=cloudrock"),
        ),
        (
            SetLimits(A, {"cpu": 1, "mem": 2, "node": 3}, {"cpu": 4, "gres/gpu:a100": 5}),
            (
                "modify",
                "account",
                "where",
                "name=hpc_a",
                "set",
                "GrpTRESMins=cpu=4,gres/gpu:a100=5,mem=-1,node=-1",
            ),
        ),
        (AddUsers(A, (ADA,)), ("add", "user", "name=ada", "account=hpc_a", "defaultaccount=cloudrock")),
        (
            AddUsers(A, (ADA, BOB)),
            ("add", "user", "name=ada,bob", "account=hpc_a", "defaultaccount=cloudrock"),
        ),
    ],
)
def test_a_change_is_one_command_that_asks_nothing(change: Change, expected: tuple[str, ...]) -> None:
    assert commands_for(change, DEFAULT) == (("sacctmgr", "-i", *expected),)


def test_users_who_are_on_the_cluster_already_keep_their_default_account() -> None:
    assert commands_for(AddUsers(A, (ADA, BOB)), DEFAULT, known={BOB}) == (
        ("sacctmgr", "-i", "add", "user", "name=ada", "account=hpc_a", "defaultaccount=cloudrock"),
        ("sacctmgr", "-i", "add", "user", "name=bob", "account=hpc_a"),
    )


@pytest.mark.parametrize("change", [SetLimits(A, {}, {}), AddUsers(A, ())])
def test_a_change_of_nothing_is_no_command(change: Change) -> None:
    assert commands_for(change, DEFAULT) == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_no_argument_wherever_it_stands(text: str) -> None:
    name, user = AccountName(text), UserName(text)
    changes: list[Change] = [
        CreateAccount(Account(name, B)),
        SetLimits(name, {}, {"cpu": 1}),
        AddUsers(name, (ADA,)),
        AddUsers(A, (ADA, user)),
    ]
    if text != "root":
        changes.append(CreateAccount(Account(A, name)))
    for change in changes:
        with pytest.raises(InvalidName):
            commands_for(change, DEFAULT)
    with pytest.raises(InvalidName):
        commands_for(AddUsers(A, (ADA,)), name)


@pytest.mark.parametrize("tres", ["", "cpu,mem", "cpu=1", "c pu", "cpu\n"])
def test_a_hostile_tres_is_no_limit(tres: str) -> None:
    for change in (
        SetLimits(A, {}, {tres: 1}),
        SetLimits(A, {tres: 1}, {}),
        CreateAccount(Account(A, B, {tres: 1})),
    ):
        with pytest.raises(InvalidName, match="TRES"):
            commands_for(change, DEFAULT)


@pytest.mark.parametrize("minutes", [-1, -2])
def test_a_limit_below_zero_would_lift_it_and_is_refused(minutes: int) -> None:
    with pytest.raises(InvalidName, match="limit of cpu"):
        commands_for(SetLimits(A, {}, {"cpu": minutes}), DEFAULT)


@given(st.text(), st.text(), st.text())
def test_no_text_adds_an_argument_or_an_empty_name(account: str, user: str, description: str) -> None:
    changes: tuple[Change, ...] = (
        CreateAccount(Account(AccountName(account), B, description=description)),
        AddUsers(AccountName(account), (UserName(user),)),
    )
    for change in changes:
        try:
            ((_, _, *words),) = commands_for(change, DEFAULT)
        except InvalidName:
            continue
        assert [word.partition("=")[0] for word in words[2:]] in (
            ["name", "parent", "description", "organization"],
            ["name", "account", "defaultaccount"],
        )
        assert all(word.partition("=")[2] for word in words[2:])
        assert all(word.isprintable() for word in words)
