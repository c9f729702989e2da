"""The fields that order items and resources have in common: what was ordered, from whom, in which plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cloudrock.rendering import ABSENT, constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.cloudrock.call import Call
    from sandbox.cloudrock.tables import OrderItem, Plan, Resource

    Ordered = OrderItem | Resource


def money(amount: object) -> str | None:
    """An amount as the API writes it, with ten decimals."""
    return None if amount is None else f"{amount:.10f}"


def of_plan(field: Callable[[Plan], object]) -> Callable[[Call, Ordered], object]:
    """A field of the plan, and no key at all without a plan."""
    return lambda _call, row: ABSENT if row.plan is None else field(row.plan)


def plan_url(call: Call, row: Ordered) -> str | None:
    """The plan's public address."""
    return call.url("marketplace-public-plans", row.plan.uuid) if row.plan else None


OFFERING_FIELDS: dict[str, Callable[[Call, Ordered], object]] = {
    "offering": lambda call, row: call.url("marketplace-public-offerings", row.offering.uuid),
    "offering_name": lambda _, row: row.offering.name,
    "offering_uuid": lambda _, row: row.offering.uuid,
    "offering_description": constant(""),
    "offering_image": constant(None),
    "offering_thumbnail": constant(None),
    "offering_type": lambda _, row: row.offering.type,
    "offering_terms_of_service": constant(""),
    "offering_shared": constant(value=True),
    "offering_billable": constant(value=True),
    "provider_name": lambda _, row: row.offering.customer.name,
    "provider_uuid": lambda _, row: row.offering.customer.uuid,
    "category_title": lambda _, row: row.offering.category_title,
    "category_uuid": lambda _, row: row.offering.category_uuid,
    "category_icon": constant(None),
    "plan": plan_url,
    "plan_unit": of_plan(lambda plan: plan.unit),
    "plan_name": of_plan(lambda plan: plan.name),
    "plan_uuid": of_plan(lambda plan: plan.uuid),
    "plan_description": of_plan(lambda _: ""),
    "attributes": lambda _, row: row.attributes,
    "limits": lambda _, row: row.limits,
    "uuid": lambda _, row: row.uuid,
}
