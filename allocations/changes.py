"""The changes between two states of the cluster: typed, frozen, readable; and the model of what each does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from allocations.model import Account, Association, describe_limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from allocations.accounts import AccountName, UserName
    from allocations.model import ClusterState, Limits


@dataclass(frozen=True, slots=True)
class RegisterUsers:
    """People who are new to the cluster get the site's default account, and an association with it."""

    users: tuple[UserName, ...]
    default_account: AccountName

    def __str__(self) -> str:
        return f"+ {people(self.users)} to the cluster, default account {self.default_account}"


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """An account with its limits from the first moment on; one that is there stays as it is.

    One that slurmdbd still has a record of (its parent was deleted) keeps that record's organization: it
    may not be `ours` then, so that it is never removed as a left-over.
    """

    account: Account

    def __str__(self) -> str:
        limits = describe_limits(self.account.grp_tres_mins)
        return f"+ account {self.account.name} under {self.account.parent}" + (
            f" ({limits})" if limits else ""
        )


@dataclass(frozen=True, slots=True)
class MoveAccount:
    """An account, and all below it, to another parent."""

    account: AccountName
    before: AccountName | None
    after: AccountName

    def __str__(self) -> str:
        return f"~ account {self.account}: from under {self.before} to under {self.after}"


@dataclass(frozen=True, slots=True)
class SetLimits:
    """What each TRES of an account was and will be limited to."""

    account: AccountName
    before: Limits
    after: Limits

    def __str__(self) -> str:
        before, after = describe_limits(self.before), describe_limits(self.after)
        return f"~ limits of {self.account}: {before or 'none'} -> {after or 'none'}"


@dataclass(frozen=True, slots=True)
class AddUsers:
    """The right to run under an account, for users whom the cluster knows."""

    account: AccountName
    users: tuple[UserName, ...]

    def __str__(self) -> str:
        return f"+ {people(self.users)} to {self.account}"


@dataclass(frozen=True, slots=True)
class DrainAccount:
    """No new jobs under an account that is about to go."""

    account: AccountName

    def __str__(self) -> str:
        return f"~ account {self.account}: takes no new jobs"


@dataclass(frozen=True, slots=True)
class ReopenAccount:
    """An account that does not go after all takes jobs again."""

    account: AccountName

    def __str__(self) -> str:
        return f"~ account {self.account}: takes jobs again"


@dataclass(frozen=True, slots=True)
class CloseUsers:
    """No new jobs of users who are about to lose an account."""

    account: AccountName
    users: tuple[UserName, ...]

    def __str__(self) -> str:
        return f"~ {people(self.users)} of {self.account}: may submit no new jobs"


@dataclass(frozen=True, slots=True)
class ReopenUsers:
    """Users who do not lose an account after all may submit jobs again."""

    account: AccountName
    users: tuple[UserName, ...]

    def __str__(self) -> str:
        return f"~ {people(self.users)} of {self.account}: may submit jobs again"


@dataclass(frozen=True, slots=True)
class CancelJobs:
    """The running and pending jobs under an account end: all of them, or those of some users."""

    account: AccountName
    users: tuple[UserName, ...] | None = None
    """None means everybody's."""

    def __str__(self) -> str:
        return f"- jobs of {self.account}" + (f" by {people(self.users)}" if self.users is not None else "")


@dataclass(frozen=True, slots=True)
class MoveDefaults:
    """Users whose default account is about to go get the site's."""

    users: tuple[UserName, ...]
    before: AccountName
    after: AccountName

    def __str__(self) -> str:
        return f"~ default account of {people(self.users)}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class RemoveUsers:
    """Users lose the right to run under an account."""

    account: AccountName
    users: tuple[UserName, ...]

    def __str__(self) -> str:
        return f"- {people(self.users)} from {self.account}"


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """An account goes, its associations with it, and all below it. Its usage stays in slurmdbd."""

    account: AccountName

    def __str__(self) -> str:
        return f"- account {self.account}"


Change = (
    RegisterUsers
    | CreateAccount
    | MoveAccount
    | SetLimits
    | AddUsers
    | DrainAccount
    | ReopenAccount
    | CloseUsers
    | ReopenUsers
    | CancelJobs
    | MoveDefaults
    | RemoveUsers
    | DeleteAccount
)


def people(users: Sequence[UserName]) -> str:
    """`user ada`, `users ada, max`."""
    return f"{'user' if len(users) == 1 else 'users'} {', '.join(users)}"


def accounts_of(change: Change) -> frozenset[AccountName]:
    """The accounts that a change writes to; the site's default account, to which people come, is not one."""
    match change:
        case RegisterUsers() | MoveDefaults():
            return frozenset()
        case CreateAccount(account=account):
            return frozenset({account.name})
        case _:
            return frozenset({change.account})


def apply_to(state: ClusterState, change: Change) -> ClusterState:  # noqa: C901, PLR0911 - one case a change
    """The model of SLURM: the state after the change. Used by dry runs, plans, fakes and laws.

    Tried on real SLURM for every change (tests/slurm_io/test_changes_on_slurm.py). What SLURM refuses to do,
    such as an account below one that is not there, is not modelled: no plan has it.
    """
    match change:
        case RegisterUsers(users=users, default_account=account):
            joined = [user for user in users if Association(account, user) not in state.associations]
            return with_users(state, account, users, moved=joined)
        case MoveDefaults(users=users, after=account):
            return with_users(state, account, users, moved=users)
        case AddUsers(account=name, users=users):
            return with_users(state, name, users)
        case CloseUsers(account=name, users=users):
            return state.with_closed(state.closed | (pairs(name, users) & state.associations))
        case ReopenUsers(account=name, users=users):
            return state.with_closed(state.closed - pairs(name, users))
        case RemoveUsers(account=name, users=users):
            return without(state, pairs(name, users))
        case CancelJobs():
            return state
        case DeleteAccount(account=name):
            return without_accounts(state, {name, *all_below(state, name)})
        case CreateAccount(account=account):
            return state.with_accounts({account.name: replace(account, ours=True), **state.accounts})
        case _:
            return with_account(state, change)


def with_account(
    state: ClusterState, change: MoveAccount | SetLimits | DrainAccount | ReopenAccount
) -> ClusterState:
    """The state with the one account as it is after the change; without it nothing changes."""
    present = state.accounts.get(change.account)
    if present is None:
        return state
    match change:
        case MoveAccount(after=parent):
            after = replace(present, parent=parent)
        case SetLimits(after=limits):
            after = replace(present, grp_tres_mins=limits)
        case DrainAccount():
            after = replace(present, draining=True, closed=True, ours=True)
        case ReopenAccount():
            after = replace(present, draining=False, closed=False, ours=True)
        case _:
            assert_never(change)
    return state.with_accounts({**state.accounts, present.name: after})


def pairs(account: AccountName, users: Iterable[UserName]) -> frozenset[Association]:
    """The associations of some users with one account."""
    return frozenset(Association(account, user) for user in users)


def with_users(
    state: ClusterState, account: AccountName, users: Iterable[UserName], *, moved: Iterable[UserName] = ()
) -> ClusterState:
    """The state with associations: the new default account of those moved, and of who joins without one."""
    joined = pairs(account, users) - state.associations
    first = {pair.user: account for pair in joined}
    defaults = {**first, **state.default_accounts, **dict.fromkeys(moved, account)}
    return state.with_associations(defaults, joined=joined)


def without(state: ClusterState, gone: frozenset[Association]) -> ClusterState:
    """The state without some associations: a default account goes with its association."""
    defaults = {
        user: name for user, name in state.default_accounts.items() if Association(name, user) not in gone
    }
    return state.with_associations(defaults, gone=gone)


def without_accounts(state: ClusterState, gone: Collection[AccountName]) -> ClusterState:
    """The state without some accounts and what hung on them."""
    kept = {name: account for name, account in state.accounts.items() if name not in gone}
    lost = frozenset(one for one in state.associations if one.account in gone)
    return without(state.with_accounts(kept), lost)


def all_below(state: ClusterState, account: AccountName) -> set[AccountName]:
    """Every account below one, however deep."""
    children = state.children_of(account)
    return {*children, *(deeper for child in children for deeper in all_below(state, child))}
