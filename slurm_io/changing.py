"""Pure builders of the commands that write: one change, its argument vectors, first to last.

Everything that becomes a name has passed `allocations.accounts`; here it is checked once more, because an
empty or odd name makes sacctmgr act on something else than was meant.

Accounts and users are slurmdbd's, associations and limits a cluster's: without a cluster sacctmgr adds,
modifies and deletes on all of them. So every command names one (docs/decisions/0070).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from allocations.accounts import ROOT, account_name, described, user_name
from allocations.changes import (
    AddUsers,
    CancelJobs,
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
from allocations.components import LEGAL_TYPE, TYPE_RULE
from allocations.errors import InvalidName
from slurm_io.commands import of_cluster, on_clusters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from allocations.accounts import AccountName, ClusterName, UserName
    from allocations.changes import Change
    from allocations.model import Account, Limits
    from slurm_io.commands import Command

WRITE = ("sacctmgr", "-i")
"""-i: without it sacctmgr asks, and with no terminal repeats its question for ever."""
UNLIMITED = "-1"
NOTHING = "0"
ORGANIZATION = "cloudrock-slurm"
"""The organization of the accounts that we make: how we know them again."""
LONGEST_NAMES = 100_000
"""Characters of one word: Linux starts no program with a word of more than 131,071 bytes."""
DRAINING = "cloudrock-slurm-draining"
"""The organization of those that we are about to delete: how a later run knows that it was us."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a change is made on."""

    cluster: ClusterName
    elsewhere: bool = False
    """Whether the headnode's slurm.conf may name another one: then slurmdbd is asked for its slurmctld."""
    alone: bool = False
    """Whether slurmdbd has no other cluster: then an account's record can go with its associations."""


def commands_for(  # noqa: C901, PLR0911, PLR0912 - one case a change
    change: Change, target: Target
) -> tuple[Command, ...]:
    """The commands that carry out one change, first to last; none for a change of nothing.

    Raises:
        InvalidName: for anything that SLURM would not read as exactly the name it stands for.
    """
    here = of_cluster(target.cluster)
    match change:
        case RegisterUsers(users=users, default_account=account):
            return add_users(here, account, users, f"defaultaccount={account_name(account)}")
        case CreateAccount(account=account):
            return (add_account(here, account),)
        case MoveAccount(account=name, after=parent):
            return (modify_account(here, name, f"parent={parent_word(parent)}"),)
        case SetLimits(account=name, before=before, after=after):
            limits = limit_option(before, after)
            return (modify_account(here, name, *limits),) if limits else ()
        case AddUsers(account=name, users=users):
            return add_users(here, name, users)
        case DrainAccount(account=name):
            return (modify_account(here, name, f"organization={DRAINING}", "GrpSubmitJobs=0"),)
        case ReopenAccount(account=name):
            return (modify_account(here, name, f"organization={ORGANIZATION}", f"GrpSubmitJobs={UNLIMITED}"),)
        case CloseUsers(account=name, users=users):
            return submit_limits(here, name, users, NOTHING)
        case ReopenUsers(account=name, users=users):
            return submit_limits(here, name, users, UNLIMITED)
        case CancelJobs(account=name, users=users):
            return cancel_jobs(target, name, users)
        case MoveDefaults(users=users, after=account):
            return move_defaults(here, account_name(account), users)
        case RemoveUsers(account=name, users=users):
            whose = f"account={account_name(name)}"
            return tuple((*WRITE, "delete", "user", "where", names, whose, here) for names in named(users))
        case DeleteAccount(account=name):
            return delete_account(target, name)
        case _:
            assert_never(change)


def named(users: Collection[UserName]) -> Iterator[str]:
    """Users as an option takes them: one word, several where it would be too long; none without any."""
    names: list[str] = []
    length = 0
    for user in users:
        if names and length + len(user) >= LONGEST_NAMES:
            yield f"name={','.join(names)}"
            names, length = [], 0
        names.append(user_name(user))
        length += len(user) + 1
    if names:
        yield f"name={','.join(names)}"


def delete_account(target: Target, name: AccountName) -> tuple[Command, ...]:
    """On one cluster; its record goes too where that is the only one. Others may use it: there it stays."""
    where = ("where", f"name={account_name(name)}")
    which = () if target.alone else (of_cluster(target.cluster),)
    return ((*WRITE, "delete", "account", *where, *which),)


def add_users(
    here: str, account: AccountName, users: Collection[UserName], *options: str
) -> tuple[Command, ...]:
    """One call for all of them, several where there are very many; none without any."""
    where = (f"account={account_name(account)}", here)
    return tuple((*WRITE, "add", "user", names, *where, *options) for names in named(users))


def add_account(here: str, account: Account) -> Command:
    """The account below its parent, with its limits from the first moment on."""
    place = (f"name={account_name(account.name)}", f"parent={parent_word(account.parent)}")
    text = described(account.description) or account.name
    words = (f"description={text}", f"organization={ORGANIZATION}")
    return (*WRITE, "add", "account", *place, here, *words, *limit_option({}, account.grp_tres_mins))


def parent_word(parent: AccountName | None) -> str:
    """A parent as an option takes it."""
    return ROOT if parent in (None, ROOT) else account_name(parent)


def modify_account(here: str, name: AccountName, *settings: str) -> Command:
    """One account's settings."""
    return (*WRITE, "modify", "account", "where", f"name={account_name(name)}", here, "set", *settings)


def submit_limits(
    here: str, account: AccountName, users: Collection[UserName], limit: str
) -> tuple[Command, ...]:
    """Both of an association's limits, where people set one: both at 0 say that it was us."""
    whose = (f"account={account_name(account)}", here)
    limits = (f"GrpSubmitJobs={limit}", f"MaxSubmitJobs={limit}")
    return tuple((*WRITE, "modify", "user", "where", names, *whose, "set", *limits) for names in named(users))


def move_defaults(here: str, account: AccountName, users: Collection[UserName]) -> tuple[Command, ...]:
    """First the association, without which SLURM refuses the default; adding one that is there is fine."""
    default = f"defaultaccount={account}"
    return (
        *add_users(here, account, users),
        *((*WRITE, "modify", "user", "where", names, here, "set", default) for names in named(users)),
    )


def cancel_jobs(
    target: Target, account: AccountName, users: Collection[UserName] | None
) -> tuple[Command, ...]:
    """Scancel takes one user at a time; without a user it means everybody's jobs under the account."""
    which = on_clusters(target.cluster if target.elsewhere else None)
    base = ("scancel", *which, f"--account={account_name(account)}")
    if users is None:
        return (base,)
    return tuple((*base, f"--user={user_name(user)}") for user in users)


def limit_option(before: Limits, after: Limits) -> tuple[str, ...]:
    """`GrpTRESMins=cpu=600,...`; a TRES that loses its limit is written as -1; empty when nothing is set."""
    wanted = {tres: minutes_word(tres, minutes) for tres, minutes in after.items()}
    cleared = {tres: UNLIMITED for tres in before if tres not in after}
    pairs = ",".join(f"{tres_name(tres)}={value}" for tres, value in sorted({**wanted, **cleared}.items()))
    return (f"GrpTRESMins={pairs}",) if pairs else ()


def tres_name(text: str) -> str:
    """A TRES as it stands in an option, or InvalidName."""
    if not LEGAL_TYPE.fullmatch(text):
        raise InvalidName("TRES", text, TYPE_RULE)
    return text


def minutes_word(tres: str, minutes: int) -> str:
    """A limit's number; one below zero would lift the limit."""
    if minutes < 0:
        raise InvalidName(f"limit of {tres}", str(minutes), "0 or more")
    return str(minutes)
