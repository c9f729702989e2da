"""Desired minus observed: the steps that make the one the other, in an order that may be applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from allocations.accounts import ROOT
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
    accounts_of,
    apply_to,
    people,
)
from allocations.limits import look_alike

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from allocations.accounts import AccountName, UserName
    from allocations.changes import Change
    from allocations.model import Account, ClusterState


@dataclass(frozen=True, slots=True)
class AwaitJobs:
    """Nothing more of this plan until the jobs have ended: now for a while, else at a later run."""

    account: AccountName
    users: tuple[UserName, ...] | None = None
    """None means everybody's."""

    def __str__(self) -> str:
        whose = f" by {people(self.users)}" if self.users is not None else ""
        return f"= wait for the end of the jobs of {self.account}{whose}"


@dataclass(frozen=True, slots=True)
class ReportUsage:
    """The account's usage of the month so far is told to the marketplace, which takes none later."""

    account: AccountName

    def __str__(self) -> str:
        return f"= report the final usage of {self.account}"


@dataclass(frozen=True, slots=True)
class MakeHomes:
    """Home directories, before the people may run jobs."""

    users: tuple[UserName, ...]

    def __str__(self) -> str:
        return f"+ home of {people(self.users)}"


Pause = AwaitJobs | ReportUsage | MakeHomes
"""A step that leaves the cluster's accounts as they are."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and why."""

    act: Change | Pause
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.act}" + (f"  ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, first to last. Every prefix of a plan leaves a valid cluster."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps)) or "nothing to change"

    def __add__(self, other: Plan) -> Plan:
        return Plan(self.steps + other.steps)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those of the steps that change the cluster."""
        return tuple(step.act for step in self.steps if not isinstance(step.act, Pause))

    @property
    def builds_on(self) -> frozenset[AccountName]:
        """The accounts that its changes write to, and those below which it makes new ones."""
        parents = {
            change.account.parent or ROOT for change in self.changes if isinstance(change, CreateAccount)
        }
        return frozenset(parents).union(*map(accounts_of, self.changes))

    def applied_to(self, state: ClusterState) -> ClusterState:
        """The state after the whole plan."""
        for change in self.changes:
            state = apply_to(state, change)
        return state


def diff(
    desired: ClusterState, observed: ClusterState, default_account: AccountName, *, homes: bool = False
) -> Plan:
    """What must change so that everything desired is there, and open; nothing else is touched.

    Users that are on the cluster but not desired stay: removals are planned elsewhere, never as a by-product.
    An account that stands below another parent than the desired one is moved: `desired_for` decides that.
    """
    steps: list[Step] = []
    newcomers = tuple(sorted(people_of(desired) - observed.users))
    if newcomers:
        steps.append(Step(RegisterUsers(newcomers, default_account), "new to the cluster"))
    for account in parents_first(desired):
        steps += steps_for_account(account, observed)
    for account in parents_first(desired):
        missing = tuple(sorted(desired.users_of(account.name) - observed.users_of(account.name)))
        if missing and homes:
            steps.append(Step(MakeHomes(missing), "before they may run jobs"))
        if missing:
            steps.append(Step(AddUsers(account.name, missing), "in the project's team"))
        closed = tuple(sorted(desired.users_of(account.name) & observed.closed_users_of(account.name)))
        if closed:
            steps.append(Step(ReopenUsers(account.name, closed), "in the project's team again"))
    return Plan(tuple(steps))


def people_of(desired: ClusterState) -> frozenset[UserName]:
    """Everybody who shall have an association."""
    return frozenset(association.user for association in desired.associations)


def steps_for_account(account: Account, observed: ClusterState) -> Iterator[Step]:
    """What one account lacks."""
    present = observed.accounts.get(account.name)
    if present is None:
        yield Step(CreateAccount(account), account.description)
        return
    if present.parent != account.parent:
        yield Step(MoveAccount(account.name, present.parent, account.parent or ROOT), "where it belongs")
    if account.grp_tres_mins and not look_alike(present.grp_tres_mins, account.grp_tres_mins):
        yield Step(SetLimits(account.name, present.grp_tres_mins, account.grp_tres_mins), "as ordered")


def parents_first(state: ClusterState) -> tuple[Account, ...]:
    """The accounts of a state, each after its parent."""
    ordered: dict[AccountName, Account] = {}

    def place(account: Account) -> None:
        if account.name in ordered:
            return
        parent = state.accounts.get(account.parent) if account.parent else None
        if parent is not None:
            place(parent)
        ordered[account.name] = account

    for account in state.accounts.values():
        place(account)
    return tuple(ordered.values())


def unfulfilled(changes: Iterable[Change], observed: ClusterState) -> tuple[Change, ...]:
    """Those of the applied changes that the cluster does not show."""
    return tuple(change for change in changes if not shows(observed, change))


def shows(observed: ClusterState, change: Change) -> bool:  # noqa: PLR0911 - one case for each change
    """Whether the cluster looks as it does after a change; an account deleted since counts as closed."""
    match change:
        case CreateAccount(account=account):
            return shows_account(observed, account.name, account.parent)
        case MoveAccount(account=name, after=parent):
            return shows_account(observed, name, parent)
        case SetLimits(account=name, after=limits):
            return name in observed.accounts and look_alike(observed.accounts[name].grp_tres_mins, limits)
        case DrainAccount(account=name):
            return name not in observed.accounts or observed.accounts[name].closed
        case ReopenAccount(account=name):
            return name in observed.accounts and not observed.accounts[name].closed
        case DeleteAccount(account=name):
            return name not in observed.accounts
        case _:
            return shows_people(observed, change)


def shows_account(observed: ClusterState, name: AccountName, parent: AccountName | None) -> bool:
    """Whether an account is there, below that parent."""
    present = observed.accounts.get(name)
    return present is not None and present.parent == parent


def shows_people(  # noqa: PLR0911 - one case for each change
    observed: ClusterState,
    change: RegisterUsers | AddUsers | CloseUsers | ReopenUsers | CancelJobs | MoveDefaults | RemoveUsers,
) -> bool:
    """The same for what concerns users."""
    match change:
        case RegisterUsers(users=users):
            return set(users) <= observed.users
        case AddUsers(account=name, users=users):
            return set(users) <= observed.users_of(name)
        case CloseUsers(account=name, users=users):
            return set(users) & observed.users_of(name) <= observed.closed_users_of(name)
        case ReopenUsers(account=name, users=users):
            return not set(users) & observed.closed_users_of(name)
        case MoveDefaults(users=users, before=before):
            return all(observed.default_accounts.get(user) != before for user in users)
        case RemoveUsers(account=name, users=users):
            return not set(users) & observed.users_of(name)
        case CancelJobs():
            return True
        case _:
            assert_never(change)
