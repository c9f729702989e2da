"""Cloudrock's JSON into the records of `allocations.marketplace`. Pure; strict about what is used.

Keys that are not used may hold anything. A used key that is missing, of the wrong type or with an unknown
word raises `UnexpectedCloudrockData`, which names the object and the key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from allocations.marketplace import (
    AllocationState,
    Association,
    BillingType,
    ComponentUsage,
    FreeIpaProfile,
    OfferedPlan,
    Offering,
    OfferingComponent,
    OrderItem,
    OrderItemState,
    OrderItemType,
    Party,
    PlanPeriod,
    RecordedAllocation,
    Resource,
    ResourceState,
    TeamMember,
    TokenOwner,
    UserUsage,
)
from cloudrock_io.fields import UUID, Fields

if TYPE_CHECKING:
    from datetime import datetime

ORDER_ITEM_KEYS = (
    "uuid",
    "type",
    "state",
    "attributes",
    "limits",
    "resource_name",
    "marketplace_resource_uuid",
    "offering_uuid",
    "customer_uuid",
    "customer_name",
    "project_uuid",
    "project_name",
    "error_message",
    "created",
    "order_approved_at",
)
"""What `parse_order_item` reads: the whole item takes the server long to make."""

ROLES = "customer_permissions"
RESOURCE_KEYS = (
    "uuid",
    "name",
    "state",
    "resource_uuid",
    "backend_id",
    "backend_metadata",
    "limits",
    "offering_uuid",
    "customer_uuid",
    "customer_name",
    "project_uuid",
    "project_name",
)


def parse_order_item(json: object) -> OrderItem:
    """An order item. Keys without a value are absent from it, not null."""
    item = Fields.of(json, "order item")
    attributes = item.child("attributes")
    return OrderItem(
        uuid=item.uuid("uuid"),
        type=item.word("type", OrderItemType),
        state=item.word("state", OrderItemState),
        name=item.text_or("resource_name", "") or attributes.text_or("name", ""),
        resource_uuid=item.uuid_or_none("marketplace_resource_uuid"),
        customer=_party(item, "customer"),
        project=_party(item, "project"),
        limits=item.limits("limits"),
        old_limits=attributes.limits("old_limits") if "old_limits" in attributes.values else None,
        error_message=item.text_or("error_message", ""),
        created=_moment_or_none(item, "created"),
        is_approved=_moment_or_none(item, "order_approved_at") is not None,
    )


def _moment_or_none(fields: Fields, key: str) -> datetime | None:
    return fields.moment(key) if fields.values.get(key) is not None else None


def parse_resource(json: object) -> Resource:
    """A marketplace resource; its `resource_uuid` is the allocation's uuid, its backend id the account."""
    resource = Fields.of(json, "resource")
    metadata = resource.child("backend_metadata")
    has_state = metadata.values.get("state") is not None
    return Resource(
        uuid=resource.uuid("uuid"),
        name=resource.text("name"),
        state=resource.word("state", ResourceState),
        allocation_uuid=resource.uuid_or_none("resource_uuid"),
        allocation_state=metadata.word("state", AllocationState) if has_state else None,
        account=resource.text_or("backend_id", "") or None,
        customer=_party(resource, "customer"),
        project=_party(resource, "project"),
        limits=resource.limits("limits"),
    )


def parse_allocation_state(json: object) -> AllocationState:
    """The state of the allocation that a resource's details describe."""
    return Fields.of(json, "resource's details").word("state", AllocationState)


def parse_allocation(json: object) -> RecordedAllocation:
    """The allocation that a resource's details describe, or one of a list of allocations."""
    allocation = Fields.of(json, "allocation")
    return RecordedAllocation(
        uuid=allocation.uuid("uuid"),
        state=allocation.word("state", AllocationState),
        account=allocation.text_or("backend_id", "") or None,
    )


def parse_owned_allocation(json: object) -> tuple[str, RecordedAllocation]:
    """The uuid of the resource that an allocation of a list belongs to, and the allocation."""
    allocation = Fields.of(json, "allocation")
    return allocation.uuid("marketplace_resource_uuid"), parse_allocation(json)


def parse_team_member(json: object) -> TeamMember:
    """A person of the resource's project."""
    member = Fields.of(json, "team member")
    return TeamMember(uuid=member.uuid("uuid"), username=member.text("username"), role=member.text("role"))


def parse_service_provider(json: object) -> str:
    """The uuid of a service provider, which is not that of its organisation."""
    return Fields.of(json, "service provider").uuid("uuid")


def parse_project_role(json: object) -> tuple[str, TeamMember]:
    """The uuid of a project, and a person of it."""
    role = Fields.of(json, "project role")
    member = TeamMember(
        uuid=role.uuid("user_uuid"), username=role.text("user_username"), role=role.text("role")
    )
    return role.uuid("project_uuid"), member


def parse_offering_user(json: object) -> tuple[str, str]:
    """The uuid of a user, and the name that the provider gave him; empty while he has none."""
    user = Fields.of(json, "offering user")
    return user.uuid("user_uuid"), user.text_or("username", "")


def parse_freeipa_profile(json: object) -> FreeIpaProfile:
    """A user's FreeIPA profile."""
    profile = Fields.of(json, "FreeIPA profile")
    return FreeIpaProfile(
        user_uuid=profile.uuid("user_uuid"),
        username=profile.text("username"),
        is_active=profile.boolean("is_active"),
    )


def parse_association(json: object) -> Association:
    """A user's association; it names its allocation by address, which ends with the uuid."""
    association = Fields.of(json, "association")
    return Association(username=association.text("username"), allocation_uuid=_allocation(association))


def parse_plan_period(json: object) -> PlanPeriod:
    """A plan period with what it holds for the server's current month."""
    period = Fields.of(json, "plan period")
    usages: dict[str, int] = {}
    descriptions: dict[str, str] = {}
    for component in period.objects("components", "component usage"):
        kind = component.text("type")
        if kind in usages:
            raise component.wrong("type", "each component once")
        usages[kind] = component.integer("usage")
        descriptions[kind] = component.text_or("description", "")
    return PlanPeriod(
        uuid=period.uuid("uuid"),
        start=period.moment_or_null("start"),
        end=period.moment_or_null("end"),
        usages=usages,
        descriptions=descriptions,
    )


def parse_component_usage(json: object) -> ComponentUsage:
    """One row of the marketplace's accounting. The server allows negative amounts, so they are read."""
    usage = Fields.of(json, "component usage")
    return ComponentUsage(
        resource_uuid=usage.uuid("resource_uuid"),
        type=usage.text("type"),
        amount=usage.integer("usage"),
        billing_period=_first_of_month(usage, "billing_period"),
        description=usage.text_or("description", ""),
        created=usage.moment("created") if usage.values.get("created") is not None else None,
    )


def parse_user_usage(json: object) -> UserUsage:
    """What one user used in one month."""
    usage = Fields.of(json, "user usage")
    month = usage.integer("month")
    if not 1 <= month <= 12:  # noqa: PLR2004  # a year has twelve
        raise usage.wrong("month", "1 to 12")
    return UserUsage(
        username=usage.text("username"),
        year=usage.integer("year"),
        month=month,
        cpu=usage.integer("cpu_usage"),
        gpu=usage.integer("gpu_usage"),
        ram=usage.integer("ram_usage"),
    )


def parse_user_usage_of(json: object) -> tuple[str, UserUsage] | None:
    """The same with the allocation's uuid; None for a row that is tied to a user of the marketplace.

    The server keeps such rows apart from those by name only, which are ours.
    """
    row = Fields.of(json, "user usage")
    if row.values.get("user") is not None:
        return None
    return _allocation(row), parse_user_usage(json)


def parse_offering(json: object) -> Offering:
    """An offering with its components, of whatever type it is."""
    offering = Fields.of(json, "offering")
    return Offering(
        uuid=offering.uuid("uuid"),
        name=offering.text("name"),
        type=offering.text("type"),
        state=offering.text("state"),
        customer_uuid=offering.uuid("customer_uuid"),
        components=tuple(
            OfferingComponent(
                type=component.text("type"),
                name=component.text("name"),
                measured_unit=component.text_or("measured_unit", ""),
                billing_type=component.word("billing_type", BillingType),
                fields=component.values,
            )
            for component in offering.objects("components", "component")
        ),
        plans=tuple(_plan(plan) for plan in offering.objects("plans", "plan")),
    )


def _plan(plan: Fields) -> OfferedPlan:
    in_use = plan.boolean("is_active") and not plan.boolean("archived")
    return OfferedPlan(plan.text("name"), in_use, frozenset(plan.child("prices").values))


def parse_token_owner(json: object) -> TokenOwner:
    """The user behind the token; ordinary users are not told whether they are staff."""
    user = Fields.of(json, "user")
    lifetime = user.values.get("token_lifetime")
    roles = user.objects(ROLES, "role") if ROLES in user.values else ()
    return TokenOwner(
        uuid=user.uuid("uuid"),
        username=user.text("username"),
        is_staff=user.boolean("is_staff") if "is_staff" in user.values else None,
        token_lifetime_seconds=None if lifetime is None else user.integer("token_lifetime"),
        roles={one.uuid("customer_uuid"): one.text("role") for one in roles},
    )


def _party(owned: Fields, role: str) -> Party:
    return Party(uuid=owned.uuid(f"{role}_uuid"), name=owned.text_or(f"{role}_name", ""))


def _allocation(owned: Fields) -> str:
    """The uuid of the allocation that a row names by its address."""
    uuid = owned.text("allocation").rstrip("/").rpartition("/")[2]
    if not UUID.fullmatch(uuid):
        raise owned.wrong("allocation", "an address that ends with a uuid")
    return uuid


def _first_of_month(owner: Fields, key: str) -> str:
    text = owner.text(key)
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])-01", text):
        raise owner.wrong(key, "the first day of a month (2026-11-01)")
    return text
