"""One frozen type for the cluster as it should be and as it is, and the changes between the two."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allocations.accounts import AccountName, UserName

Limits: TypeAlias = "Mapping[str, int]"
"""TRES to GrpTRESMins (minutes; MB-minutes for mem). Unlimited is an absent key."""


@dataclass(frozen=True, slots=True)
class Account:
    """One SLURM account on one cluster."""

    name: AccountName
    parent: AccountName | None
    """None for root only."""
    grp_tres_mins: Limits = field(default_factory=dict)
    description: str = field(default="", compare=False)
    """For people; not read back, so not compared."""


@dataclass(frozen=True, slots=True, order=True)
class Association:
    """A user's right to run under an account."""

    account: AccountName
    user: UserName


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Accounts and associations, desired or observed: compared with `==`."""

    accounts: Mapping[AccountName, Account] = field(default_factory=dict)
    associations: frozenset[Association] = frozenset()

    @property
    def users(self) -> frozenset[UserName]:
        """Everybody who has an association."""
        return frozenset(association.user for association in self.associations)

    def users_of(self, account: AccountName) -> frozenset[UserName]:
        """Who may run under the account."""
        return frozenset(a.user for a in self.associations if a.account == account)


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """`+ account NAME under PARENT`, with its limits from the first moment on."""

    account: Account

    def __str__(self) -> str:
        limits = describe_limits(self.account.grp_tres_mins)
        return f"+ account {self.account.name} under {self.account.parent}" + (
            f" ({limits})" if limits else ""
        )


@dataclass(frozen=True, slots=True)
class SetLimits:
    """`~ limits of NAME`: what each TRES was and will be."""

    account: AccountName
    before: Limits
    after: Limits

    def __str__(self) -> str:
        before, after = describe_limits(self.before), describe_limits(self.after)
        return f"~ limits of {self.account}: {before or 'none'} -> {after or 'none'}"


@dataclass(frozen=True, slots=True)
class AddUsers:
    """`+ users ... to NAME`."""

    account: AccountName
    users: tuple[UserName, ...]

    def __str__(self) -> str:
        word = "user" if len(self.users) == 1 else "users"
        return f"+ {word} {', '.join(self.users)} to {self.account}"


Change = CreateAccount | SetLimits | AddUsers


def describe_limits(limits: Limits) -> str:
    """`cpu 16000 min, mem 4096 MB-min` in a fixed order."""
    return ", ".join(f"{tres} {minutes} {minute_word(tres)}" for tres, minutes in sorted(limits.items()))


def minute_word(tres: str) -> str:
    """The unit of a TRES's minutes, for people."""
    return "MB-min" if tres == "mem" else "min"


def account_of(change: Change) -> AccountName:
    """The account that a change touches."""
    match change:
        case CreateAccount(account=account):
            return account.name
        case SetLimits(account=name) | AddUsers(account=name):
            return name
        case _:
            assert_never(change)


def apply_to(state: ClusterState, change: Change) -> ClusterState:
    """The model of SLURM: the state after the change. Used by dry runs, fakes and laws."""
    match change:
        case CreateAccount(account=account):
            return replace(state, accounts={**state.accounts, account.name: account})
        case SetLimits(account=name, after=after):
            changed = replace(state.accounts[name], grp_tres_mins=after)
            return replace(state, accounts={**state.accounts, name: changed})
        case AddUsers(account=name, users=users):
            added = frozenset(Association(name, user) for user in users)
            return replace(state, associations=state.associations | added)
        case _:
            assert_never(change)
