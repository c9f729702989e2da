"""What the marketplace says at the start of a run: everything that plans are made from. Plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from allocations.accounts import SHORTEST_HEX
from allocations.marketplace import OrderItemState, ResourceState
from allocations.membership import UNKNOWN_TEAM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allocations.marketplace import Offering, OrderItem, Resource
    from allocations.membership import Team

LIVE = frozenset(ResourceState) - {ResourceState.TERMINATED}
"""The states of a resource that has, may have or may get an account."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One offering's orders, resources and teams."""

    offering: Offering
    orders: tuple[OrderItem, ...]
    """Pending and executing, oldest first."""
    resources: Mapping[str, Resource]
    """By uuid, in every state, Terminated too: their accounts' names stay taken."""
    teams: Mapping[str, Team] = field(default_factory=dict)
    """By project uuid."""
    unreadable_orders: tuple[str, ...] = ()
    unreadable_resources: tuple[str, ...] = ()
    """What could not be understood, one sentence each."""

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Account to the uuid of the resource that records it; the first one where several do.

        Anybody who owns a resource in the portal can record any name there. One without the digits of the
        resource's own uuid is no account of it, and must not take the name from the resource whose it is.
        """
        owners: dict[str, str] = {}
        for resource in self.resources.values():
            if resource.account and any(digits in resource.account for digits in digits_of(resource)):
                owners.setdefault(resource.account, resource.uuid)
        return owners

    @property
    def executing(self) -> tuple[OrderItem, ...]:
        """The order items that wait for us."""
        return tuple(order for order in self.orders if order.state is OrderItemState.EXECUTING)

    @property
    def pending(self) -> tuple[OrderItem, ...]:
        """The order items that wait for the provider's approval."""
        return tuple(order for order in self.orders if order.state is OrderItemState.PENDING)

    @property
    def resting(self) -> tuple[Resource, ...]:
        """The OK resources without an open order: their members are kept up."""
        busy = {order.resource_uuid for order in self.executing}
        return tuple(
            resource
            for resource in self.resources.values()
            if resource.state is ResourceState.OK and resource.uuid not in busy
        )

    def team(self, resource: Resource) -> Team:
        """The team of the project that owns a resource."""
        return self.teams.get(resource.project.uuid, UNKNOWN_TEAM)


def digits_of(resource: Resource) -> tuple[str, ...]:
    """What a name of one of the resource's accounts has in it: the first digits of either uuid."""
    uuids = (resource.uuid, resource.allocation_uuid)
    return tuple(uuid[:SHORTEST_HEX].lower() for uuid in uuids if uuid)
