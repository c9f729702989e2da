"""Offerings and plans, as customers see them and as their provider does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from sandbox.cloudrock.clock import as_text
from sandbox.cloudrock.filters import by_text, by_uuid, filtered
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.rendering import ABSENT, Shape, constant
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import Component, Customer, Offering, OrderItem, Plan, Project, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.cloudrock.call import Call, Reply

ROUTES = Routes()
PUBLIC = "marketplace-public-offerings/"
PROVIDER = "marketplace-provider-offerings/"

COMPONENT: Shape[Component] = Shape(
    {
        "billing_type": lambda _, row: row.billing_type,
        "type": lambda _, row: row.type,
        "name": lambda _, row: row.name,
        "description": lambda _, row: row.description,
        "measured_unit": lambda _, row: row.measured_unit,
        "limit_period": lambda _, row: row.limit_period,
        "limit_amount": lambda _, row: row.limit_amount,
        "article_code": lambda _, row: row.article_code,
        "max_value": lambda _, row: row.max_value,
        "min_value": lambda _, row: row.min_value,
        "max_available_limit": lambda _, row: row.max_available_limit,
        "is_boolean": lambda _, row: row.is_boolean,
        "default_limit": lambda _, row: row.default_limit,
        "factor": constant(None),
        "is_builtin": constant(value=False),
    },
    obeys_field=False,
)


def _prices(_call: Call, plan: Plan) -> dict[str, float]:
    return {price.component.type: float(price.price) for price in plan.prices}


def _quotas(_call: Call, plan: Plan) -> dict[str, int]:
    return {price.component.type: 0 for price in plan.prices}


def plan_fields(endpoint: str) -> dict[str, Callable[[Call, Plan], object]]:
    """How a plan looks, at one of its two addresses."""
    return {
        "url": lambda call, plan: call.url(endpoint, plan.uuid),
        "uuid": lambda _, plan: plan.uuid,
        "name": lambda _, plan: plan.name,
        "description": constant(""),
        "article_code": constant(""),
        "prices": _prices,
        "quotas": _quotas,
        "max_amount": constant(None),
        "archived": constant(value=False),
        "is_active": constant(value=True),
        "unit_price": constant("0.0000000"),
        "unit": lambda _, plan: plan.unit,
        "init_price": constant(0),
        "switch_price": constant(0),
        "backend_id": constant(""),
        "divisions": constant([]),
        "plan_type": _plan_type,
        "minimal_price": _minimal_price,
    }


def _single_plan(endpoint: str, offering_endpoint: str) -> Shape[Plan]:
    fields = plan_fields(endpoint)
    fields["offering"] = lambda call, plan: call.url(offering_endpoint, plan.offering.uuid)
    return Shape(fields)


def _plan_type(_call: Call, plan: Plan) -> str:
    """How the plan's components are billed; mixed, if not all the same way."""
    kinds = {component.billing_type for component in plan.offering.components}
    words = {
        "usage": "usage-based",
        "fixed": "fixed",
        "one": "one-time",
        "few": "on-switch",
        "limit": "limit",
    }
    return words[kinds.pop()] if len(kinds) == 1 else "mixed"


def _minimal_price(_call: Call, plan: Plan) -> float:
    """One unit of each component that is billed by limit."""
    prices = [float(one.price) for one in plan.prices if one.component.billing_type == "limit"]
    return sum(prices) if prices else 0


def _secrets(call: Call, row: Offering) -> object:
    return {} if call.roles.owns_offering(row) else ABSENT


def _items_ordered(call: Call, row: Offering) -> float:
    query = select(func.count(OrderItem.id)).where(OrderItem.offering_id == row.id)
    return float(call.session.scalar(query) or 0)


def _customers_served(call: Call, row: Offering) -> int:
    query = (
        select(func.count(func.distinct(Project.customer_id)))
        .join(Resource)
        .where(Resource.offering_id == row.id)
    )
    return call.session.scalar(query) or 0


EMPTY_TEXTS = (
    "description",
    "full_description",
    "terms_of_service",
    "terms_of_service_link",
    "privacy_policy_link",
    "access_url",
)
LAST_FIELDS: dict[str, Callable[[Call, Offering], object]] = {
    "screenshots": constant([]),
    "shared": constant(value=True),
    "billable": constant(value=True),
    "scope": constant(None),
    "files": constant([]),
    "quotas": constant(None),
    "paused_reason": constant(""),
    "datacite_doi": constant(""),
    "citation_count": constant(-1),
    "latitude": constant(None),
    "longitude": constant(None),
    "country": constant(""),
    "backend_id": constant(""),
    "divisions": constant([]),
    "image": constant(None),
    "google_calendar_is_public": constant(None),
    "google_calendar_link": constant(None),
}


def offering_fields(endpoint: str, plan_endpoint: str) -> dict[str, Callable[[Call, Offering], object]]:
    """How an offering looks, at one of its two addresses."""
    nested_plan: Shape[Plan] = Shape(plan_fields(plan_endpoint), obeys_field=False)
    return {
        "url": lambda call, row: call.url(endpoint, row.uuid),
        "uuid": lambda _, row: row.uuid,
        "created": lambda _, row: as_text(row.created),
        "name": lambda _, row: row.name,
        **dict.fromkeys(EMPTY_TEXTS, constant("")),
        "customer": lambda call, row: call.url("customers", row.customer.uuid),
        "customer_uuid": lambda _, row: row.customer.uuid,
        "customer_name": lambda _, row: row.customer.name,
        "category": lambda call, row: call.url("marketplace-categories", row.category_uuid),
        "category_uuid": lambda _, row: row.category_uuid,
        "category_title": lambda _, row: row.category_title,
        "rating": constant(None),
        "attributes": constant({}),
        "options": constant({}),
        "components": lambda call, row: COMPONENT.all(call, row.components),
        "plugin_options": constant({}),
        "secret_options": _secrets,
        "state": lambda _, row: row.state,
        "native_name": constant(""),
        "native_description": constant(""),
        "vendor_details": constant(""),
        "thumbnail": constant(None),
        "order_item_count": _items_ordered,
        "plans": lambda call, row: nested_plan.all(call, row.plans),
        "type": lambda _, row: row.type,
        **LAST_FIELDS,
    }


PUBLIC_SHAPE: Shape[Offering] = Shape(
    offering_fields("marketplace-public-offerings", "marketplace-public-plans")
)
PROVIDER_SHAPE: Shape[Offering] = Shape(
    {
        **offering_fields("marketplace-provider-offerings", "marketplace-plans"),
        "total_customers": _customers_served,
        "total_cost": constant(0),
        "total_cost_estimated": constant(0),
    }
)
PUBLIC_PLAN = _single_plan("marketplace-public-plans", "marketplace-public-offerings")
PROVIDER_PLAN = _single_plan("marketplace-plans", "marketplace-provider-offerings")
FILTERS = {
    "name_exact": by_text(lambda word: Offering.name == word),
    "name": by_text(lambda word: Offering.name.icontains(word, autoescape=True)),
    "type": by_text(lambda word: Offering.type == word),
    "customer_uuid": by_uuid(lambda uuid: Offering.customer.has(Customer.uuid == uuid)),
}
ACTIVE = Offering.state == "Active"


@ROUTES.get(PUBLIC)
def list_public(call: Call) -> Reply:
    """The offerings that anybody may order."""
    return page_reply(
        call, filtered(call, select(Offering).where(ACTIVE), FILTERS).order_by(Offering.id), PUBLIC_SHAPE
    )


@ROUTES.get(PUBLIC + "{uuid}/")
def get_public(call: Call, uuid: str) -> Reply:
    """One of them."""
    return PUBLIC_SHAPE.reply(call, call.find(Offering, uuid, ACTIVE))


@ROUTES.get(PROVIDER)
def list_provided(call: Call) -> Reply:
    """The caller's own offerings."""
    query = select(Offering).where(call.roles.sees_provider_offerings())
    return page_reply(call, filtered(call, query, FILTERS).order_by(Offering.id), PROVIDER_SHAPE)


@ROUTES.get(PROVIDER + "{uuid}/")
def get_provided(call: Call, uuid: str) -> Reply:
    """One of them; 404 for everybody else."""
    return PROVIDER_SHAPE.reply(call, _provided(call, uuid))


def _provided(call: Call, uuid: str) -> Offering:
    return call.find(Offering, uuid, call.roles.sees_provider_offerings())


@ROUTES.get("marketplace-public-plans/{uuid}/")
def get_public_plan(call: Call, uuid: str) -> Reply:
    """A plan."""
    return PUBLIC_PLAN.reply(call, call.find(Plan, uuid))


@ROUTES.get("marketplace-plans/{uuid}/")
def get_plan(call: Call, uuid: str) -> Reply:
    """A plan of one of the caller's own offerings."""
    mine = Plan.offering_id.in_(select(Offering.id).where(call.roles.sees_provider_offerings()))
    return PROVIDER_PLAN.reply(call, call.find(Plan, uuid, mine))
