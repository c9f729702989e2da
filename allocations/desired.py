"""What the cluster should look like for one order, over the accounts that this order owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.accounts import (
    ROOT,
    AccountName,
    NamingRules,
    UserName,
    account_for_resource,
    described,
    user_name,
)
from allocations.components import AccountingType
from allocations.errors import InvalidName, InvalidOrder
from allocations.model import Account, Association, ClusterState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.components import Components
    from allocations.marketplace import OrderItem, Resource
    from allocations.model import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How this site turns orders into accounts."""

    naming: NamingRules
    components: Components
    default_account: AccountName


@dataclass(frozen=True, slots=True)
class Members:
    """A team, divided into those who can be SLURM users and those whose names cannot."""

    users: tuple[UserName, ...]
    refused: tuple[InvalidName, ...]


def accepted_members(usernames: Iterable[str]) -> Members:
    """Each username once, sorted; a name that cannot be a user is set apart, never repaired."""
    users: set[UserName] = set()
    refused: dict[str, InvalidName] = {}
    for text in usernames:
        try:
            users.add(user_name(text))
        except InvalidName as reason:
            refused[text] = reason
    return Members(tuple(sorted(users)), tuple(refused[text] for text in sorted(refused)))


def desired_for(
    order: OrderItem, resource: Resource, users: Iterable[UserName], owners: Mapping[str, str], rules: Rules
) -> ClusterState:
    """Customer, project and allocation accounts of a Create order, with the allocation's limits and users.

    Args:
        order: the order item.
        resource: the marketplace resource that it made.
        users: who shall run under the allocation.
        owners: account to uuid of the resource that records it, over the whole offering.
        rules: the site's.

    Raises:
        InvalidOrder: when no account can be named, or a limit is no component of ours.
    """
    try:
        customer = rules.naming.customer_account(order.customer.uuid)
        project = rules.naming.project_account(order.project.uuid)
        allocation = account_for_resource(
            rules.naming,
            uuid=resource.uuid,
            name=order.name,
            recorded=resource.account,
            owners=owners,
            protected={ROOT, rules.default_account, customer, project},
        )
    except InvalidName as reason:
        raise InvalidOrder(str(reason)) from None
    accounts = (
        Account(customer, ROOT, description=described(order.customer.name)),
        Account(project, customer, description=described(order.project.name)),
        Account(
            allocation,
            project,
            grp_tres_mins=desired_limits(order.limits, rules.components),
            description=described(order.name),
        ),
    )
    return ClusterState(
        accounts={account.name: account for account in accounts},
        associations=frozenset(Association(allocation, user) for user in users),
    )


def allocation_in(desired: ClusterState) -> Account:
    """The allocation's account of a state that `desired_for` made: the one that is nobody's parent."""
    parents = {account.parent for account in desired.accounts.values()}
    (leaf,) = (account for account in desired.accounts.values() if account.name not in parents)
    return leaf


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
            limits[kind] = ordered[kind] * component.unit_factor
        else:
            limits[kind] = component.limit
    return limits
