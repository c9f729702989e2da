"""The commands that write, word by word; nothing that is no name becomes one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import LEGAL_NAME, ROOT, AccountName, ClusterName, UserName
from allocations.changes import (
    AddUsers,
    CancelJobs,
    Change,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    MoveAccount,
    MoveDefaults,
    RegisterUsers,
    RemoveUsers,
    ReopenAccount,
    ReopenUsers,
    SetLimits,
)
from allocations.errors import InvalidName
from allocations.model import Account
from slurm_io.changing import Target, commands_for
from tests.allocations.samples import RULES
from tests.allocations.sites import Case, cases

A, B, DEFAULT = AccountName("hpc_a"), AccountName("hpc_b"), AccountName("cloudrock")
ADA, BOB = UserName("ada"), UserName("bob")
BOTH = (ADA, BOB)
HOSTILE = ("", "a,b", "x account=root", "-x", "Ada", "ada\n", "a=b", "a b", "root", "a|b", "é")
C = "cluster=c"
HERE = Target(ClusterName("c"), alone=True)
WHERE_A = ("where", "name=hpc_a", C)
WHERE_BOTH = ("where", "name=ada,bob")
LIMITS = "GrpTRESMins=cpu=4,gres/gpu:a100=5,mem=-1,node=-1"

ONE_COMMAND: list[tuple[Change, tuple[str, ...]]] = [
    (
        RegisterUsers(BOTH, DEFAULT),
        ("add", "user", "name=ada,bob", "account=cloudrock", C, "defaultaccount=cloudrock"),
    ),
    (
        CreateAccount(Account(A, B, {"mem": 5, "cpu": 0}, "Genomics Lab")),
        (
            "add",
            "account",
            "name=hpc_a",
            "parent=hpc_b",
            C,
            "description=Genomics Lab",
            "organization=cloudrock-slurm",
            "GrpTRESMins=cpu=0,mem=5",
        ),
    ),
    (
        CreateAccount(Account(A, ROOT)),
        (
            "add",
            "account",
            "name=hpc_a",
            "parent=root",
            C,
            "description=hpc_a",
            "organization=cloudrock-slurm",
        ),
    ),
    (
        CreateAccount(Account(A, None, description="a\n'b' | \"c\"")),
        (
            "add",
            "account",
            "name=hpc_a",
            "parent=root",
            C,
            "description=a b c",
            "organization=cloudrock-slurm",
        ),
    ),
    (MoveAccount(A, ROOT, B), ("modify", "account", *WHERE_A, "set", "parent=hpc_b")),
    (MoveAccount(A, B, ROOT), ("modify", "account", *WHERE_A, "set", "parent=root")),
    (
        SetLimits(A, {"cpu": 1, "mem": 2, "node": 3}, {"cpu": 4, "gres/gpu:a100": 5}),
        ("modify", "account", *WHERE_A, "set", LIMITS),
    ),
    (AddUsers(A, (ADA,)), ("add", "user", "name=ada", "account=hpc_a", C)),
    (AddUsers(A, BOTH), ("add", "user", "name=ada,bob", "account=hpc_a", C)),
    (
        DrainAccount(A),
        ("modify", "account", *WHERE_A, "set", "organization=cloudrock-slurm-draining", "GrpSubmitJobs=0"),
    ),
    (
        ReopenAccount(A),
        ("modify", "account", *WHERE_A, "set", "organization=cloudrock-slurm", "GrpSubmitJobs=-1"),
    ),
    (
        CloseUsers(A, BOTH),
        ("modify", "user", *WHERE_BOTH, "account=hpc_a", C, "set", "GrpSubmitJobs=0", "MaxSubmitJobs=0"),
    ),
    (
        ReopenUsers(A, BOTH),
        ("modify", "user", *WHERE_BOTH, "account=hpc_a", C, "set", "GrpSubmitJobs=-1", "MaxSubmitJobs=-1"),
    ),
    (RemoveUsers(A, BOTH), ("delete", "user", *WHERE_BOTH, "account=hpc_a", C)),
    (DeleteAccount(A), ("delete", "account", "where", "name=hpc_a")),
]


@pytest.mark.parametrize(("change", "expected"), ONE_COMMAND)
def test_a_change_is_one_command_that_asks_nothing(change: Change, expected: tuple[str, ...]) -> None:
    assert commands_for(change, HERE) == (("sacctmgr", "-i", *expected),)


def test_a_default_account_is_associated_before_it_becomes_the_default() -> None:
    assert commands_for(MoveDefaults(BOTH, A, DEFAULT), HERE) == (
        ("sacctmgr", "-i", "add", "user", "name=ada,bob", "account=cloudrock", C),
        ("sacctmgr", "-i", "modify", "user", *WHERE_BOTH, C, "set", "defaultaccount=cloudrock"),
    )


def test_jobs_are_cancelled_for_everybody_or_user_by_user() -> None:
    assert commands_for(CancelJobs(A), HERE) == (("scancel", "--account=hpc_a"),)
    assert commands_for(CancelJobs(A, BOTH), HERE) == (
        ("scancel", "--account=hpc_a", "--user=ada"),
        ("scancel", "--account=hpc_a", "--user=bob"),
    )


def test_on_another_cluster_jobs_are_cancelled_there() -> None:
    there = replace(HERE, elsewhere=True)
    assert commands_for(CancelJobs(A), there) == (("scancel", "--clusters=c", "--account=hpc_a"),)


def test_beside_other_clusters_an_account_goes_from_its_own_and_its_record_stays() -> None:
    there = replace(HERE, alone=False)
    assert commands_for(DeleteAccount(A), there) == (("sacctmgr", "-i", "delete", "account", *WHERE_A),)


@given(cases())
def test_beside_other_clusters_no_command_of_any_plan_touches_an_association_of_theirs(case: Case) -> None:
    for change in case.plan().changes:
        for command in commands_for(change, Target(ClusterName("c"), elsewhere=True)):
            assert {C, "--clusters=c"} & set(command), command


@pytest.mark.parametrize("text", ["", "a,b", "x account=root", "-x", "Ada", "a\n"])
def test_a_hostile_cluster_is_no_argument(text: str) -> None:
    target = Target(ClusterName(text), elsewhere=True)
    for change, _ in ONE_COMMAND:
        with pytest.raises(InvalidName, match="cluster name"):
            commands_for(change, target)


def test_the_tables_have_every_kind_of_change() -> None:
    assert {type(change) for change, _ in ONE_COMMAND} | {MoveDefaults, CancelJobs} == set(Change.__args__)


@pytest.mark.parametrize(
    "change",
    [
        SetLimits(A, {}, {}),
        AddUsers(A, ()),
        RegisterUsers((), DEFAULT),
        CloseUsers(A, ()),
        ReopenUsers(A, ()),
        MoveDefaults((), A, DEFAULT),
        RemoveUsers(A, ()),
        CancelJobs(A, ()),
    ],
)
def test_a_change_of_nothing_is_no_command(change: Change) -> None:
    assert commands_for(change, HERE) == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_no_argument_wherever_it_stands(text: str) -> None:
    name, user = AccountName(text), UserName(text)
    changes: list[Change] = [
        RegisterUsers((ADA, user), DEFAULT),
        RegisterUsers((ADA,), name),
        CreateAccount(Account(name, B)),
        MoveAccount(name, A, B),
        SetLimits(name, {}, {"cpu": 1}),
        DrainAccount(name),
        ReopenAccount(name),
        CancelJobs(name),
        CancelJobs(A, (ADA, user)),
        MoveDefaults((ADA,), A, name),
        MoveDefaults((ADA, user), A, DEFAULT),
        DeleteAccount(name),
    ]
    for kind in (AddUsers, CloseUsers, ReopenUsers, RemoveUsers):
        changes += [kind(name, (ADA,)), kind(A, (ADA, user)), kind(name, ())]
    if text != "root":
        changes += [CreateAccount(Account(A, name)), MoveAccount(A, B, name)]
    for change in changes:
        with pytest.raises(InvalidName):
            commands_for(change, HERE)


@pytest.mark.parametrize("tres", ["", "cpu,mem", "cpu=1", "c pu", "cpu\n"])
def test_a_hostile_tres_is_no_limit(tres: str) -> None:
    for change in (
        SetLimits(A, {}, {tres: 1}),
        SetLimits(A, {tres: 1}, {}),
        CreateAccount(Account(A, B, {tres: 1})),
    ):
        with pytest.raises(InvalidName, match="TRES"):
            commands_for(change, HERE)


@pytest.mark.parametrize("minutes", [-1, -2])
def test_a_limit_below_zero_would_lift_it_and_is_refused(minutes: int) -> None:
    with pytest.raises(InvalidName, match="limit of cpu"):
        commands_for(SetLimits(A, {}, {"cpu": minutes}), HERE)


@given(st.text(), st.text(), st.text())
def test_no_text_adds_an_argument_or_an_empty_name(account: str, user: str, description: str) -> None:
    changes: tuple[Change, ...] = (
        CreateAccount(Account(AccountName(account), B, description=description)),
        AddUsers(AccountName(account), (UserName(user),)),
    )
    for change in changes:
        try:
            ((_, _, *words),) = commands_for(change, HERE)
        except InvalidName:
            continue
        assert [word.partition("=")[0] for word in words[2:]] in (
            ["name", "parent", "cluster", "description", "organization"],
            ["name", "account", "cluster"],
        )
        assert all(word.partition("=")[2] for word in words[2:])
        assert all(word.isprintable() for word in words)


NAMING = ("name", "account", "--account", "--user", "parent", "defaultaccount")


@given(cases())
def test_commands_of_any_plan_name_managed_accounts_and_legal_users_only(case: Case) -> None:
    for change in case.plan().changes:
        for command in commands_for(change, HERE):
            assert command[0] in ("sacctmgr", "scancel")
            for word in command[1:]:
                key, equals, value = word.partition("=")
                if equals and key in NAMING:
                    check_names(command, key, value)
            assert not {"where", "set"} & set(command) or "name=" in " ".join(command)


def check_names(command: tuple[str, ...], key: str, value: str) -> None:
    """Each name legal, none empty; each account managed, the default one, or root as a parent."""
    users = key == "--user" or (key == "name" and "user" in command)
    names = value.split(",")
    assert all(LEGAL_NAME.fullmatch(name) for name in names), command
    if users:
        assert ROOT not in names
        return
    assert len(names) == 1
    allowed = RULES.naming.is_managed(value)
    allowed |= value == DEFAULT and "add" in command and key == "account"
    allowed |= key == "defaultaccount" and value == DEFAULT
    allowed |= key == "parent" and value in (ROOT, "somebody_elses")
    assert allowed, command


@pytest.mark.parametrize("kind", [AddUsers, RemoveUsers, CloseUsers, ReopenUsers])
def test_very_many_users_are_divided_into_words_that_linux_takes(kind: type[AddUsers]) -> None:
    users = tuple(UserName(f"user{number:06}") for number in range(30_000))
    commands = commands_for(kind(A, users), HERE)
    words = [word for command in commands for word in command if word.startswith("name=")]
    assert max(map(len, words)) < 131_072
    assert ",".join(word.removeprefix("name=") for word in words).split(",") == list(users)
    assert len(words) == len(commands) == 4
