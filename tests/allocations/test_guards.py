"""What no plan may do, and what only a person may let it do."""

from __future__ import annotations

import pytest

from allocations.accounts import ROOT, AccountName, UserName
from allocations.changes import (
    AddUsers,
    Change,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    MoveAccount,
    MoveDefaults,
    RegisterUsers,
    RemoveUsers,
    SetLimits,
)
from allocations.errors import UnsafePlan
from allocations.guards import Guards, Removals, refuse_unsafe, removals_of
from allocations.model import Account
from tests.allocations.samples import DEFAULT, RULES, cluster, ours

HUGE = Guards(max_removals=1000)


def names(count: int) -> list[AccountName]:
    return [AccountName(f"hpc_{number}") for number in range(count)]


def users(count: int) -> tuple[UserName, ...]:
    return tuple(UserName(f"u{number}") for number in range(count))


@pytest.mark.parametrize("name", [ROOT, DEFAULT, "theirs", "HPC_x", ""])
@pytest.mark.parametrize("force", [False, True])
def test_an_account_that_is_not_managed_is_never_touched_whoever_says_so(name: str, force: bool) -> None:  # noqa: FBT001 - a table's column
    account, user = AccountName(name), UserName("ada")
    changes: list[Change] = [
        CreateAccount(Account(account, ROOT)),
        MoveAccount(account, ROOT, AccountName("hpc_a")),
        SetLimits(account, {}, {"cpu": 1}),
        AddUsers(account, (user,)),
        DrainAccount(account),
        CloseUsers(account, (user,)),
        RemoveUsers(account, (user,)),
        DeleteAccount(account),
    ]
    for change in changes:
        with pytest.raises(UnsafePlan, match=f"would touch '{name}', which is not managed here"):
            refuse_unsafe([change], cluster(), RULES, Guards(force=force))


def test_people_may_come_to_the_default_account() -> None:
    people = [RegisterUsers(users(3), DEFAULT), MoveDefaults(users(3), AccountName("hpc_a"), DEFAULT)]
    assert refuse_unsafe(people, cluster(), RULES, Guards()).total == 0


def test_removals_are_accounts_and_the_members_of_those_that_stay() -> None:
    a, b = names(2)
    observed = cluster(ours(a, ROOT), ours(b, ROOT), users=[(a, "ada"), (a, "bob"), (b, "ada")])
    changes = [RemoveUsers(a, users(2)), DeleteAccount(b), CreateAccount(Account(names(3)[2], ROOT))]
    found = removals_of(changes, observed, RULES)
    assert found == Removals(accounts=1, members=2, managed_accounts=2, managed_members=3)
    assert found.total == 3


@pytest.mark.parametrize(
    ("removed", "most", "said"),
    [
        (0, 0, ""),
        (1, 0, "1 removal planned (1 account, 0 members)"),
        (3, 3, ""),
        (4, 3, "4 removals planned (4 accounts, 0 members)"),
    ],
)
def test_a_run_removes_no_more_than_the_cap(removed: int, most: int, said: str) -> None:
    observed = cluster(*(ours(name, ROOT) for name in names(9)))
    changes = [DeleteAccount(name) for name in names(removed)]
    if not said:
        assert refuse_unsafe(changes, observed, RULES, Guards(most)).accounts == removed
        return
    with pytest.raises(UnsafePlan) as refusal:
        refuse_unsafe(changes, observed, RULES, Guards(most))
    assert said in str(refusal.value)
    assert f"SYNC_MAX_REMOVALS allows {most}" in str(refusal.value)
    assert "Nothing was written" in str(refusal.value)


@pytest.mark.parametrize(
    ("managed", "removed", "safe"),
    [
        (9, 9, True),
        (10, 3, True),
        (10, 4, False),
        (11, 3, True),
        (13, 4, False),
        (100, 30, True),
        (100, 31, False),
    ],
)
def test_of_ten_or_more_accounts_or_members_three_tenths_may_go(
    managed: int,
    removed: int,
    safe: bool,  # noqa: FBT001 - a table's column
) -> None:
    a = AccountName("hpc_a")
    for observed, changes, what in (
        (
            cluster(*(ours(name, ROOT) for name in names(managed))),
            [DeleteAccount(name) for name in names(removed)],
            "accounts",
        ),
        (
            cluster(ours(a, ROOT), users=[(a, user) for user in users(managed)]),
            [RemoveUsers(a, users(removed))],
            "members' associations",
        ),
    ):
        if safe:
            assert refuse_unsafe(changes, observed, RULES, HUGE).total == removed
            continue
        with pytest.raises(
            UnsafePlan, match=f"{removed} of {managed} managed {what} would go, more than 30 %"
        ):
            refuse_unsafe(changes, observed, RULES, HUGE)


def test_force_lifts_the_caps() -> None:
    observed = cluster(*(ours(name, ROOT) for name in names(50)))
    changes = [DeleteAccount(name) for name in names(50)]
    assert refuse_unsafe(changes, observed, RULES, Guards(force=True)).accounts == 50


def test_what_is_not_managed_does_not_count_as_managed() -> None:
    theirs = [Account(AccountName(f"theirs_{number}"), ROOT) for number in range(90)]
    observed = cluster(*(ours(name, ROOT) for name in names(10)), *theirs)
    with pytest.raises(UnsafePlan, match="4 of 10 managed accounts"):
        refuse_unsafe([DeleteAccount(name) for name in names(4)], observed, RULES, HUGE)
