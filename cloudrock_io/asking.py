"""The half of the door that asks Cloudrock and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cloudrock_io import parsing, sendable
from cloudrock_io.errors import UnexpectedCloudrockData
from cloudrock_io.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import date

    from allocations.marketplace import (
        AllocationState,
        Association,
        ComponentUsage,
        FreeIpaProfile,
        Offering,
        OrderItem,
        OrderItemState,
        OrderItemType,
        PlanPeriod,
        RecordedAllocation,
        Resource,
        ResourceState,
        TeamMember,
        TokenOwner,
        UserUsage,
    )
    from cloudrock_io.connection import Query
    from cloudrock_io.transport import Transport

    OnUnreadable = Callable[[UnexpectedCloudrockData], None]

RecordT = TypeVar("RecordT")


class Asking:
    """What the marketplace is asked, about one offering. Every call may be repeated."""

    def __init__(self, transport: Transport, offering_uuid: str) -> None:
        self._transport = transport
        self._offering_uuid = offering_uuid

    def fetch_me(self) -> TokenOwner:
        """Whom the token speaks for, and how long it lives unused."""
        return parsing.parse_token_owner(self._transport.get_me())

    def fetch_offering(self) -> Offering:
        """The offering with its components, of whatever type it is.

        `CloudrockNotFound`: there is none with this uuid, or the token's user does not manage it.
        """
        return parsing.parse_offering(self._transport.get_marketplace_provider_offering(self._offering_uuid))

    def fetch_order_items(
        self,
        states: Collection[OrderItemState] | None = None,
        types: Collection[OrderItemType] | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> list[OrderItem]:
        """The offering's order items, oldest first; None means any state or type.

        Args:
            states: Only items in one of these states.
            types: Only items of one of these types.
            on_unreadable: Gets the error for each item that cannot be read, and the others are returned;
                without it the first one is raised. So one odd order need not stop all the others.
        """
        query: dict[str, object] = {"offering_uuid": self._offering_uuid, "field": [*parsing.ORDER_ITEM_KEYS]}
        if states is not None:
            query["state"] = [state.value for state in states]
        if types is not None:
            query["type"] = [kind.value for kind in types]
        if query.get("state") == [] or query.get("type") == []:
            return []  # the server takes an empty filter for none
        rows = self._ours("order item", self._transport.list_order_items(query))
        items = _readable(rows, parsing.parse_order_item, on_unreadable)
        for item in items:
            _honoured(states is None or item.state in states, f"order item {item.uuid}", item.state.value)
            _honoured(types is None or item.type in types, f"order item {item.uuid}", item.type.value)
        return items

    def fetch_order_item(self, uuid: str) -> OrderItem:
        """One order item of this offering, as it stands now."""
        row = self._transport.get_order_item(sendable.uuid("the order item's uuid", uuid))
        return parsing.parse_order_item(*self._ours("order item", [row]))

    def fetch_resources(
        self, states: Collection[ResourceState] | None = None, on_unreadable: OnUnreadable | None = None
    ) -> list[Resource]:
        """The offering's resources; None means any state, Terminated too.

        `on_unreadable` is as for order items.
        """
        query: dict[str, object] = {"offering_uuid": self._offering_uuid, "field": [*parsing.RESOURCE_KEYS]}
        if states is not None:
            if not states:
                return []  # the server takes an empty filter for none
            query["state"] = [state.value for state in states]
        rows = self._ours("resource", self._transport.filter_marketplace_resources(query))
        resources = _readable(rows, parsing.parse_resource, on_unreadable)
        for resource in resources:
            known = states is None or resource.state in states
            _honoured(known, f"resource {resource.uuid}", resource.state.value)
        return resources

    def fetch_resource(self, uuid: str) -> Resource:
        """One resource of this offering, as it stands now."""
        row = self._transport.get_marketplace_resource(sendable.uuid("the resource's uuid", uuid))
        return parsing.parse_resource(*self._ours("resource", [row]))

    def fetch_allocation_state(self, resource_uuid: str) -> AllocationState:
        """Where the allocation stands now.

        A resource tells it too, but only once the allocation's state has changed for the first time.
        """
        row = self._transport.get_marketplace_resource_details(
            sendable.uuid("the resource's uuid", resource_uuid)
        )
        return parsing.parse_allocation_state(row)

    def fetch_allocation(self, resource_uuid: str) -> RecordedAllocation:
        """The allocation behind a resource, with the backend id that it keeps beside the resource's."""
        row = self._transport.get_marketplace_resource_details(
            sendable.uuid("the resource's uuid", resource_uuid)
        )
        return parsing.parse_allocation(row)

    def fetch_allocations(self) -> dict[str, RecordedAllocation]:
        """Resource uuid to its allocation, of those of the offering's resources that the token's user sees.

        Staff see all of every offering, a provider sees none (contract 5): then ask for each resource.
        """
        rows = [Fields.of(row, "allocation") for row in self._transport.list_slurm_allocations({})]
        ours = (row for row in rows if row.values.get("marketplace_offering_uuid") == self._offering_uuid)
        return dict(parsing.parse_owned_allocation(row.values) for row in ours)

    def fetch_team(self, resource_uuid: str) -> list[TeamMember]:
        """The members of the project that owns the resource; not the owners of the customer."""
        uuid = sendable.uuid("the resource's uuid", resource_uuid)
        rows = self._transport.marketplace_resource_get_team(uuid)
        return [parsing.parse_team_member(row) for row in _listed("the team", rows)]

    def fetch_teams(self, customer_uuid: str) -> dict[str, list[TeamMember]]:
        """Project uuid to its members, of all projects that have something of the provider: few requests.

        The server lists only projects with resources of *shared* offerings, so a project that is not among
        them may have members all the same: ask with `fetch_team`.

        Args:
            customer_uuid: the provider's organisation (`Offering.customer_uuid`).
        """
        teams: dict[str, list[TeamMember]] = {}
        for provider in self._transport.list_service_providers({"customer_uuid": customer_uuid}):
            uuid = parsing.parse_service_provider(provider)
            for row in self._transport.list_service_provider_project_permissions(uuid):
                project, member = parsing.parse_project_role(row)
                teams.setdefault(project, []).append(member)
        return teams

    def fetch_offering_usernames(self) -> dict[str, str]:
        """User uuid to the name that the provider gave him for the offering; without one he is left out."""
        query: Query = {"offering_uuid": self._offering_uuid}
        rows = self._ours("offering user", self._transport.list_remote_offering_users(query))
        named = [parsing.parse_offering_user(row) for row in rows]
        return {uuid: name for uuid, name in named if name}

    def fetch_freeipa_profiles(self) -> list[FreeIpaProfile]:
        """The FreeIPA profiles that the token's user may see: all for staff, for others only their own.

        `CloudrockRejected` with status 424: the server's FreeIPA extension is off.
        """
        return [parsing.parse_freeipa_profile(row) for row in self._transport.list_freeipa_profiles()]

    def fetch_associations(self, allocation_uuid: str) -> list[Association]:
        """The users associated with the allocation (`Resource.allocation_uuid`, not the resource's uuid)."""
        uuid = sendable.uuid("the allocation's uuid", allocation_uuid)
        rows = self._transport.list_slurm_associations({"allocation_uuid": uuid})
        associations = [parsing.parse_association(row) for row in rows]
        for association in associations:
            _honoured(association.allocation_uuid == uuid, "an association", association.allocation_uuid)
        return associations

    def fetch_plan_periods(self, resource_uuid: str) -> list[PlanPeriod]:
        """The periods that are open or ended this month, in no order; there may be none or several open."""
        uuid = sendable.uuid("the resource's uuid", resource_uuid)
        rows = self._transport.marketplace_resource_get_plan_periods(uuid)
        return [parsing.parse_plan_period(row) for row in _listed("the plan periods", rows)]

    def fetch_component_usages(self, billing_period: date) -> list[ComponentUsage]:
        """What the marketplace holds for all of the offering's resources in the month of the given day."""
        month = billing_period.replace(day=1).isoformat()
        rows = self._transport.list_offering_component_usages(self._offering_uuid, month)
        usages = [parsing.parse_component_usage(row) for row in self._ours("component usage", rows)]
        for usage in usages:
            _honoured(usage.billing_period == month, "a component usage", usage.billing_period)
        return usages

    def fetch_user_usages(self, allocation_uuid: str, year: int, month: int) -> list[UserUsage]:
        """What each user used of the allocation in one month."""
        uuid = sendable.uuid("the allocation's uuid", allocation_uuid)
        query: Query = {"allocation_uuid": uuid, "year": year, "month": month}
        rows = self._transport.list_slurm_allocation_user_usage(query)
        usages = [parsing.parse_user_usage(row) for row in rows]
        for usage in usages:
            _honoured(
                (usage.year, usage.month) == (year, month), "a user usage", f"{usage.year}-{usage.month}"
            )
        return usages

    def _ours(self, kind: str, rows: Iterable[object]) -> list[object]:
        """The rows, all of this offering: the server ignores filters that it does not know."""
        kept = list(rows)
        for row in kept:
            fields = Fields.of(row, kind)
            if fields.values.get("offering_uuid") != self._offering_uuid:
                raise fields.wrong("offering_uuid", f"that of our offering, {self._offering_uuid}")
        return kept


def _readable(
    rows: list[object], parse: Callable[[object], RecordT], on_unreadable: OnUnreadable | None
) -> list[RecordT]:
    records = []
    for row in rows:
        try:
            records.append(parse(row))
        except UnexpectedCloudrockData as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
    return records


def _listed(what: str, answer: object) -> list[object]:
    if not isinstance(answer, list):
        raise UnexpectedCloudrockData(what, "a list", type(answer).__name__)
    return answer


def _honoured(condition: bool, what: str, got: str) -> None:  # noqa: FBT001  # an assertion
    """The server ignores filters that it does not know: then nothing is made of the answer."""
    if not condition:
        raise UnexpectedCloudrockData(what, "only what the query asked for", got)
