"""Argument vectors, word by word; nothing that is no name becomes one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import AccountName, UserName
from allocations.errors import InvalidName
from allocations.model import Account, AddUsers, Change, CreateAccount, SetLimits
from slurm_io.commands import commands_for, show_associations, show_jobs

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
        "--format=account,user,alloctres,elapsedraw,start,end,state",
    )


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
