"""What the cluster should look like for one resource, over the accounts that this resource owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.accounts import ROOT, AccountName, NamingRules, account_for_resource, described
from allocations.components import LARGEST_LIMIT, AccountingType
from allocations.errors import InvalidName, InvalidOrder
from allocations.marketplace import ResourceState
from allocations.model import Account, Association, ClusterState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from allocations.accounts import UserName
    from allocations.components import Components
    from allocations.marketplace import Resource
    from allocations.model import Limits


SETTLED = frozenset({ResourceState.OK, ResourceState.UPDATING, ResourceState.TERMINATING})
"""The states of a resource whose account was there when its Create order was finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How this site turns orders into accounts."""

    naming: NamingRules
    components: Components
    default_account: AccountName
    cancel_jobs: bool = True
    """Whether the jobs of an allocation or member that goes are cancelled; else they are waited for."""
    own_limits: bool = False
    """Whether limits that somebody changed on the cluster are set back to what was ordered."""
    adopt_parents: bool = False
    """Whether accounts that stand elsewhere than below their project are moved there."""
    make_homes: bool = False
    """Whether people who get an association get a home directory."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The names of one resource's accounts, topmost first."""

    customer: AccountName
    project: AccountName
    allocation: AccountName

    def expected_parent(self, name: AccountName) -> AccountName:
        """Below which account one of them would be made."""
        return {self.allocation: self.project, self.project: self.customer}.get(name, ROOT)


@dataclass(frozen=True, slots=True)
class Desired:
    """The accounts that one resource needs, the allocation's own among them."""

    account: AccountName
    state: ClusterState
    notes: tuple[str, ...] = ()
    """What is worth knowing and no failure."""


def lineage_of(resource: Resource, owners: Mapping[str, str], rules: Rules) -> Lineage:
    """How a resource's accounts are called, whether they exist or not.

    Raises:
        InvalidOrder: no account can be named.
    """
    naming = rules.naming
    try:
        customer = naming.customer_account(resource.customer.uuid)
        project = naming.project_account(resource.project.uuid)
        allocation = account_for_resource(
            naming,
            uuid=resource.uuid,
            name=resource.name,
            recorded=resource.account,
            owners=owners,
            protected={ROOT, rules.default_account, customer, project},
            allocation_uuid=resource.allocation_uuid,
        )
    except InvalidName as reason:
        raise InvalidOrder(str(reason)) from None
    return Lineage(customer, project, allocation)


def desired_for(
    resource: Resource,
    users: Iterable[UserName],
    observed: ClusterState,
    owners: Mapping[str, str],
    rules: Rules,
    *,
    limits: Mapping[str, int] | None,
) -> Desired:
    """Customer, project and allocation accounts of a resource, with the allocation's limits and users.

    Accounts that are there already stay where they are when they are ours, or were made by the old agent
    directly below root; with `rules.adopt_parents` they move to where they belong.

    Args:
        resource: the marketplace resource.
        users: who shall run under the allocation.
        observed: the cluster as it is.
        owners: account to uuid of the resource that records it, over the whole offering.
        rules: the site's.
        limits: component type to ordered amount; None leaves the limits as they are on the cluster.

    Raises:
        InvalidOrder: no account can be named, one is somebody else's, or a limit is no component of ours.
    """
    names = lineage_of(resource, owners, rules)
    present = observed.accounts.get(names.allocation)
    if limits is None and present is not None:
        minutes = present.grp_tres_mins
    else:
        minutes = desired_limits(resource.limits if limits is None else limits, rules.components)
    accounts: list[Account] = []
    name, text = names.allocation, resource.name
    for above, next_text in (
        (names.project, resource.project.name),
        (names.customer, resource.customer.name),
    ):
        recorded = resource.account == name and names.allocation == name
        settled = recorded and resource.state in SETTLED
        parent = place_of(
            name, names.expected_parent(name), observed, rules, recorded=recorded, settled=settled
        )
        accounts.insert(0, Account(name, parent, {} if accounts else minutes, description=described(text)))
        if parent != above:
            break
        name, text = above, next_text
    else:
        parent = place_of(name, ROOT, observed, rules)
        accounts.insert(0, Account(name, parent, description=described(text)))
    state = ClusterState(
        accounts={account.name: account for account in accounts},
        associations=frozenset(Association(names.allocation, user) for user in users),
    )
    return Desired(names.allocation, state, tuple(misplaced(accounts, names)))


def place_of(
    name: AccountName,
    expected: AccountName,
    observed: ClusterState,
    rules: Rules,
    *,
    recorded: bool = False,
    settled: bool = False,
) -> AccountName:
    """The parent that an account shall have: the expected one, or where it stands already and may stay.

    `recorded`: the resource names the account; `settled`: and it did so when its Create order was finished.

    Raises:
        InvalidOrder: it stands elsewhere and nothing says that it is ours.
    """
    present = observed.accounts.get(name)
    if present is None or present.parent in (None, expected):
        return expected
    made_by_the_old_agent = recorded and present.parent == ROOT
    if not (present.ours or made_by_the_old_agent or settled):
        raise InvalidOrder(
            f"the account {name!r} exists on the cluster under {present.parent!r}, not under {expected!r}: "
            "it was not made for this order and is left alone"
        )
    return expected if rules.adopt_parents else present.parent


def misplaced(accounts: Iterable[Account], names: Lineage) -> Iterator[str]:
    """A sentence for each account that stands elsewhere than it would have been made."""
    for account in accounts:
        expected = names.expected_parent(account.name)
        if account.parent != expected:
            yield (
                f"the account {account.name} stands under {account.parent}, not under {expected}, and stays "
                "there: `cloudrock-slurm plan --adopt-parents` shows the move"
            )


def desired_limits(ordered: Mapping[str, int], components: Components) -> Limits:
    """GrpTRESMins: the file's limit for `usage` components; ordered times `unit_factor` for `limit` ones.

    A `limit` component that the order does not name gets the file's limit: absent would mean unlimited.
    """
    unknown = sorted(set(ordered) - set(components))
    if unknown:
        raise InvalidOrder(
            f"the order limits {', '.join(map(repr, unknown))}, which this cluster does not sell: "
            f"expected some of {', '.join(components)}"
        )
    limits = {}
    for kind, component in components.items():
        if component.accounting_type is AccountingType.LIMIT and kind in ordered:
            limits[kind] = ordered_minutes(kind, ordered[kind], component.unit_factor)
        else:
            limits[kind] = component.limit
    return limits


def ordered_minutes(kind: str, amount: int, unit_factor: int) -> int:
    """Backend minutes of an ordered amount; below zero it would be SLURM's word for unlimited."""
    minutes = amount * unit_factor
    if not 0 <= minutes <= LARGEST_LIMIT:
        raise InvalidOrder(
            f"the order limits {kind!r} to {amount}: expected 0 to {LARGEST_LIMIT // unit_factor}"
        )
    return minutes
