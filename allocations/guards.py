"""What no plan may do, and what it may do only when a person says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.accounts import ROOT
from allocations.changes import DeleteAccount, RemoveUsers, accounts_of
from allocations.errors import UnsafePlan
from allocations.outcomes import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from allocations.changes import Change
    from allocations.desired import Rules
    from allocations.model import ClusterState

SMALL_SITE = 10
"""Below so many managed accounts, or associations, a share of them says nothing."""
LARGEST_SHARE = 30
"""Per cent of what is managed that one run may remove."""


@dataclass(frozen=True, slots=True)
class Guards:
    """How much one run may remove."""

    max_removals: int = 20
    force: bool = False
    """True when a person has seen the plan and said to go on: lifts the caps, not the protection of names."""


@dataclass(frozen=True, slots=True)
class Removals:
    """What a plan takes away, beside what is managed."""

    accounts: int
    members: int
    managed_accounts: int
    managed_members: int

    @property
    def total(self) -> int:
        """Accounts, and members of accounts that stay."""
        return self.accounts + self.members


def removals_of(changes: Iterable[Change], observed: ClusterState, rules: Rules) -> Removals:
    """Count them. Members of an account that goes are not counted beside it."""
    accounts = members = 0
    for change in changes:
        if isinstance(change, DeleteAccount):
            accounts += 1
        elif isinstance(change, RemoveUsers):
            members += len(change.users)
    is_managed = rules.naming.is_managed
    return Removals(
        accounts,
        members,
        sum(is_managed(name) for name in observed.accounts),
        sum(is_managed(association.account) for association in observed.associations),
    )


def refuse_unsafe(
    changes: Sequence[Change], observed: ClusterState, rules: Rules, guards: Guards
) -> Removals:
    """The removals of a plan that may be applied.

    Raises:
        UnsafePlan: it touches a protected name, or removes more than the guards allow; with the numbers.
    """
    protect_names(changes, rules)
    found = removals_of(changes, observed, rules)
    problems = list(caps_exceeded(found, guards))
    if problems and not guards.force:
        raise UnsafePlan(
            f"{'; '.join(problems)}. Nothing was written. Look at the plan; when it is right, run again with "
            "force (`cloudrock-slurm pull --once --force`, or the flow's parameter force=true)"
        )
    return found


def protect_names(changes: Iterable[Change], rules: Rules) -> None:
    """Nothing but accounts with our prefixes is ever written to; not root, not the default account."""
    for change in changes:
        for name in accounts_of(change):
            if name in (ROOT, rules.default_account) or not rules.naming.is_managed(name):
                raise UnsafePlan(f"the plan would touch {name!r}, which is not managed here: `{change}`")


def caps_exceeded(found: Removals, guards: Guards) -> Iterable[str]:
    """One sentence for each cap that the removals exceed."""
    if found.total > guards.max_removals:
        yield (
            f"{plural(found.total, 'removal')} planned ({plural(found.accounts, 'account')}, "
            f"{plural(found.members, 'member')}), and SYNC_MAX_REMOVALS allows {guards.max_removals}"
        )
    for removed, managed, what in (
        (found.accounts, found.managed_accounts, "accounts"),
        (found.members, found.managed_members, "members' associations"),
    ):
        if managed >= SMALL_SITE and removed * 100 > managed * LARGEST_SHARE:
            yield f"{removed} of {managed} managed {what} would go, more than {LARGEST_SHARE} %"
