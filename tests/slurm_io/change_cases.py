"""Changes to try on a real cluster, in places of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.accounts import ROOT
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
from allocations.model import Account
from tests.slurm_io.place import DEFAULT, Place

if TYPE_CHECKING:
    from collections.abc import Callable

CASES: dict[str, Callable[[Place], list[Change]]] = {
    "new users are registered": lambda p: [RegisterUsers(p.users("new", "newer"), DEFAULT)],
    "users with another default account get the site's with its association": lambda p: [
        RegisterUsers(p.users("only", "new"), DEFAULT)
    ],
    "users of the site's account keep another default": lambda p: [
        RegisterUsers(p.users("main", "two"), DEFAULT)
    ],
    "users without a default account, or with nothing at all, are registered": lambda p: [
        RegisterUsers(p.users("blank", "lost"), DEFAULT)
    ],
    "an account is made with limits": lambda p: [
        CreateAccount(
            Account(p.account("new"), p.top, {"cpu": 60, "mem": 1536, "gres/gpu:a100": 0}, "It's | new")
        )
    ],
    "a branch is made": lambda p: [
        CreateAccount(Account(p.account("new"), ROOT)),
        CreateAccount(Account(p.account("newer"), p.account("new"))),
    ],
    "an account that is there stays as it is": lambda p: [
        CreateAccount(Account(p.full, p.top, {"cpu": 999}))
    ],
    "an account that drained and went is made anew and open": lambda p: [
        DrainAccount(p.bare),
        CloseUsers(p.bare, p.users("blank")),
        DeleteAccount(p.bare),
        CreateAccount(Account(p.bare, p.top)),
        AddUsers(p.bare, p.users("blank")),
    ],
    "an account moves with what is below it": lambda p: [
        CreateAccount(Account(p.account("below"), p.full)),
        MoveAccount(p.full, p.top, p.bare),
        MoveAccount(p.full, p.bare, ROOT),
    ],
    "limits are set and lifted": lambda p: [
        SetLimits(p.full, {"cpu": 5, "mem": 7}, {"cpu": 6, "gres/gpu": 0}),
        SetLimits(p.full, {"cpu": 6, "gres/gpu": 0}, {"mem": 1024}),
        SetLimits(p.full, {"mem": 1024}, {}),
    ],
    "users get an account": lambda p: [AddUsers(p.bare, p.users("only", "two", "main"))],
    "users without a default account get it with the first account": lambda p: [
        AddUsers(p.full, p.users("blank", "lost", "new"))
    ],
    "an account drains and is reopened": lambda p: [
        DrainAccount(p.full),
        ReopenAccount(p.full),
        DrainAccount(p.bare),
        ReopenAccount(p.bare),
    ],
    "users are closed and reopened": lambda p: [
        CloseUsers(p.full, p.users("only", "main")),
        ReopenUsers(p.full, p.users("main", "two")),
    ],
    "only associations that are there are closed": lambda p: [
        CloseUsers(p.full, p.users("only", "blank", "new"))
    ],
    "jobs that are not there are cancelled": lambda p: [
        CancelJobs(p.full),
        CancelJobs(p.full, p.users("two")),
    ],
    "defaults are moved, with the association or to it": lambda p: [
        MoveDefaults(p.users("only", "main"), p.full, DEFAULT)
    ],
    "defaults are moved for whoever has none": lambda p: [
        MoveDefaults(p.users("blank", "lost"), p.bare, DEFAULT)
    ],
    "users lose an account": lambda p: [
        CloseUsers(p.full, p.users("two")),
        RemoveUsers(p.full, p.users("two")),
        AddUsers(p.full, p.users("two")),
    ],
    "users lose their default account": lambda p: [RemoveUsers(p.full, p.users("main", "two"))],
    "users lose their last account": lambda p: [RemoveUsers(p.full, p.users("only"))],
    "users lose what they do not have": lambda p: [RemoveUsers(p.full, p.users("blank", "new"))],
    "users are moved to the site's account before they lose theirs": lambda p: [
        MoveDefaults(p.users("only", "main"), p.full, DEFAULT),
        RemoveUsers(p.full, p.users("only", "main", "two")),
    ],
    "an account goes with its associations, defaults and last associations": lambda p: [
        DeleteAccount(p.full)
    ],
    "a branch goes from below": lambda p: [
        DrainAccount(p.full),
        MoveDefaults(p.users("only", "main"), p.full, DEFAULT),
        DeleteAccount(p.full),
        DeleteAccount(p.bare),
        DeleteAccount(p.top),
    ],
}


def every_kind(p: Place) -> list[Change]:
    """Each kind of change once, with what it needs before it."""
    return [
        RegisterUsers(p.users("new", "lost"), DEFAULT),
        CreateAccount(Account(p.account("new"), p.top, {"cpu": 60, "gres/gpu:a100": 0}, "It's | new")),
        AddUsers(p.account("new"), p.users("new", "two")),
        SetLimits(p.account("new"), {"cpu": 60, "gres/gpu:a100": 0}, {"mem": 1024}),
        MoveAccount(p.account("new"), p.top, ROOT),
        CloseUsers(p.account("new"), p.users("two")),
        ReopenUsers(p.account("new"), p.users("two")),
        DrainAccount(p.full),
        ReopenAccount(p.full),
        CancelJobs(p.full, p.users("two")),
        MoveDefaults(p.users("only", "main"), p.full, DEFAULT),
        RemoveUsers(p.full, p.users("only", "two")),
        DeleteAccount(p.full),
    ]
