"""One frozen type for the cluster as it should be and as it is; `allocations.changes` has what changes it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    draining: bool = False
    """True when we closed it for new jobs, because it is about to go."""
    closed: bool = field(default=False, compare=False)
    """True when it takes no new jobs (GrpSubmitJobs=0), whoever decided so."""
    ours: bool = field(default=False, compare=False)
    """True when its organization says that we made it."""


@dataclass(frozen=True, slots=True, order=True)
class Association:
    """A user's right to run under an account."""

    account: AccountName
    user: UserName


@dataclass(frozen=True)
class ClusterState:
    """Accounts and associations, desired or observed: compared with `==`.

    No slots: what is asked for each allocation is sorted out once (`cached_property`).
    """

    accounts: Mapping[AccountName, Account] = field(default_factory=dict)
    associations: frozenset[Association] = frozenset()
    default_accounts: Mapping[UserName, AccountName] = field(default_factory=dict, compare=False)
    """The default account of every user that has one: a user can be without after others' deletions."""
    closed: frozenset[Association] = field(default=frozenset(), compare=False)
    """Associations that we closed for new jobs, because the user is about to lose them."""
    barred: frozenset[Association] = field(default=frozenset(), compare=False)
    """Those under which the user can submit nothing either, by others' doing: nothing is planned for them."""

    cluster: str = field(default="", compare=False)
    """Its name in slurmdbd, when it was observed there."""

    @property
    def condition(self) -> str:
        """` cluster=NAME`, for commands that people shall run: without, sacctmgr would mean every cluster."""
        return f" cluster={self.cluster}" if self.cluster else ""

    @cached_property
    def users(self) -> frozenset[UserName]:
        """Everybody whom the cluster knows, by a default account or an association."""
        return frozenset(self.default_accounts) | frozenset(a.user for a in self.associations)

    def users_of(self, account: AccountName) -> frozenset[UserName]:
        """Who may run under the account."""
        return self._members.get(account, frozenset())

    def accounts_of(self, user: UserName) -> frozenset[AccountName]:
        """Under which accounts a user may run."""
        return self._homes.get(user, frozenset())

    def closed_users_of(self, account: AccountName) -> frozenset[UserName]:
        """Those of its users whom we closed it for."""
        return frozenset(a.user for a in self.closed if a.account == account)

    def children_of(self, account: AccountName) -> tuple[AccountName, ...]:
        """The accounts directly below one."""
        return tuple(sorted(child.name for child in self.accounts.values() if child.parent == account))

    def with_accounts(self, accounts: Mapping[AccountName, Account]) -> ClusterState:
        """The state with other accounts; who may run under which stays."""
        return self._sorted_out(replace(self, accounts=accounts))

    def with_closed(self, closed: frozenset[Association]) -> ClusterState:
        """The state with other associations closed for new jobs."""
        return self._sorted_out(replace(self, closed=closed))

    def with_associations(
        self,
        default_accounts: Mapping[UserName, AccountName],
        *,
        joined: frozenset[Association] = frozenset(),
        gone: frozenset[Association] = frozenset(),
    ) -> ClusterState:
        """The state with some associations more and some less, and other default accounts."""
        joined, gone = joined - self.associations, gone & self.associations
        after = replace(
            self,
            associations=(self.associations | joined) - gone,
            default_accounts=default_accounts,
            closed=self.closed - gone,
        )
        members = dict(self._members)
        for account, users in _by_account(joined | gone).items():
            members[account] = self.users_of(account) ^ users
        after.__dict__["_members"] = members
        return after

    def _sorted_out(self, after: ClusterState) -> ClusterState:
        """A later state in which the associations are the same, with what was sorted out about them.

        A run's plan has a state after each of its changes: without this it would grow with the changes times
        the associations.
        """
        for name in ("_members", "_homes"):
            if name in self.__dict__:
                after.__dict__[name] = self.__dict__[name]
        return after

    @cached_property
    def _members(self) -> dict[AccountName, frozenset[UserName]]:
        return {account: frozenset(users) for account, users in _by_account(self.associations).items()}

    @cached_property
    def _homes(self) -> dict[UserName, frozenset[AccountName]]:
        found: dict[UserName, set[AccountName]] = {}
        for association in self.associations:
            found.setdefault(association.user, set()).add(association.account)
        return {user: frozenset(accounts) for user, accounts in found.items()}


def _by_account(associations: Iterable[Association]) -> dict[AccountName, set[UserName]]:
    found: dict[AccountName, set[UserName]] = {}
    for association in associations:
        found.setdefault(association.account, set()).add(association.user)
    return found


def describe_limits(limits: Limits) -> str:
    """`cpu 16000 min, mem 4096 MB-min` in a fixed order."""
    return ", ".join(f"{tres} {minutes} {minute_word(tres)}" for tres, minutes in sorted(limits.items()))


def minute_word(tres: str) -> str:
    """The unit of a TRES's minutes, for people."""
    return "MB-min" if tres == "mem" else "min"
