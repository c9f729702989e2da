"""The changes between two states of the cluster: typed, frozen, readable; and the model of what each does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from allocations.model import Account, Association, describe_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """An account with its limits from the first moment on."""

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
    """An account without children goes, and its associations with it. Its usage stays in slurmdbd."""

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
        case CreateAccount(account=account):
            return frozenset({account.name})
        case RegisterUsers() | MoveDefaults():
            return frozenset()
        case (
            MoveAccount(account=name)
            | SetLimits(account=name)
            | AddUsers(account=name)
            | DrainAccount(account=name)
            | ReopenAccount(account=name)
            | CloseUsers(account=name)
            | CancelJobs(account=name)
            | RemoveUsers(account=name)
            | DeleteAccount(account=name)
        ):
            return frozenset({name})
        case _:
            assert_never(change)


def apply_to(state: ClusterState, change: Change) -> ClusterState:  # noqa: PLR0911 - one case for each change
    """The model of SLURM: the state after the change. Used by dry runs, plans, fakes and laws."""
    match change:
        case RegisterUsers(users=users, default_account=account) | MoveDefaults(users=users, after=account):
            defaults = {**state.default_accounts, **dict.fromkeys(users, account)}
            joined = state.associations | pairs(account, users)
            return replace(state, associations=joined, default_accounts=defaults)
        case AddUsers(account=name, users=users):
            return replace(state, associations=state.associations | pairs(name, users))
        case CloseUsers(account=name, users=users):
            return replace(state, closed=state.closed | pairs(name, users))
        case RemoveUsers(account=name, users=users):
            return without(state, pairs(name, users))
        case CancelJobs():
            return state
        case DeleteAccount(account=name):
            kept = {key: account for key, account in state.accounts.items() if key != name}
            gone = frozenset(a for a in state.associations if a.account == name)
            return without(replace(state, accounts=kept), gone)
        case _:
            return replace(state, accounts={**state.accounts, **changed_account(state, change)})


def changed_account(
    state: ClusterState, change: CreateAccount | MoveAccount | SetLimits | DrainAccount | ReopenAccount
) -> dict[AccountName, Account]:
    """The one account that the change writes, as it is afterwards."""
    match change:
        case CreateAccount(account=account):
            return {account.name: replace(account, ours=True)}
        case MoveAccount(account=name, after=parent):
            return {name: replace(state.accounts[name], parent=parent)}
        case SetLimits(account=name, after=limits):
            return {name: replace(state.accounts[name], grp_tres_mins=limits)}
        case DrainAccount(account=name):
            return {name: replace(state.accounts[name], draining=True, closed=True)}
        case ReopenAccount(account=name):
            return {name: replace(state.accounts[name], draining=False, closed=False, ours=True)}
        case _:
            assert_never(change)


def pairs(account: AccountName, users: Sequence[UserName]) -> frozenset[Association]:
    """The associations of some users with one account."""
    return frozenset(Association(account, user) for user in users)


def without(state: ClusterState, gone: frozenset[Association]) -> ClusterState:
    """The state without some associations; SLURM forgets a user with his last one."""
    left = state.associations - gone
    known = frozenset(association.user for association in left)
    forgotten = frozenset(association.user for association in gone) - known
    defaults = {user: name for user, name in state.default_accounts.items() if user not in forgotten}
    return replace(state, associations=left, default_accounts=defaults, closed=state.closed - gone)
