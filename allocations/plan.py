"""Desired minus observed: the changes that make the one the other, in an order that may be applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.errors import InvalidOrder
from allocations.model import AddUsers, CreateAccount, SetLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.accounts import AccountName
    from allocations.model import Account, Change, ClusterState


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes, first to last. Every prefix of a plan leaves a valid cluster."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "nothing to change"


def diff(desired: ClusterState, observed: ClusterState) -> Plan:
    """What must change so that everything desired is there; nothing else is touched.

    Users that are on the cluster but not desired stay: removals are planned elsewhere, never as a by-product.

    Raises:
        InvalidOrder: an account exists, but in another place than it belongs: it is not ours to take.
    """
    changes: list[Change] = []
    for account in parents_first(desired):
        changes += changes_of_account(account, observed)
    for account in parents_first(desired):
        missing = desired.users_of(account.name) - observed.users_of(account.name)
        if missing:
            changes.append(AddUsers(account.name, tuple(sorted(missing))))
    return Plan(tuple(changes))


def changes_of_account(account: Account, observed: ClusterState) -> Iterator[Change]:
    """What one account lacks."""
    present = observed.accounts.get(account.name)
    if present is None:
        yield CreateAccount(account)
        return
    if present.parent != account.parent:
        raise InvalidOrder(
            f"the account {account.name!r} exists on the cluster under {present.parent!r}, not under "
            f"{account.parent!r}: it was not made by this order and is left alone"
        )
    if account.grp_tres_mins and dict(present.grp_tres_mins) != dict(account.grp_tres_mins):
        yield SetLimits(account.name, present.grp_tres_mins, account.grp_tres_mins)


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
