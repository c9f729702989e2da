"""marketplace-orders: what customers order, and how it is approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from sandbox.cloudrock import lifecycle
from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.checks import WrongError, checked, list_of
from sandbox.cloudrock.clock import as_text
from sandbox.cloudrock.errors import ApiError, ForbiddenError, NotFoundError, RefusedError
from sandbox.cloudrock.filters import by_choice, by_uuid, filtered
from sandbox.cloudrock.limits import ordered_limits
from sandbox.cloudrock.offering_fields import money
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.rendering import Shape, or_absent
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import Customer, Offering, Order, OrderItem, Plan, Project

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.cloudrock.tables import Named, Resource

ROUTES = Routes()
LIST = "marketplace-orders/"
ONE = "marketplace-orders/{uuid}/"
STATES = ("requested for approval", "executing", "done", "terminated", "erred", "draft", "rejected")


def _items(call: Call, order: Order) -> object:
    from sandbox.cloudrock.order_items import IN_ORDER  # noqa: PLC0415 - an order shows its items, and they it

    return IN_ORDER.all(call, order.items)


def _user_url(call: Call, order: Order) -> str | None:
    return call.url("users", order.approved_by.uuid) if order.approved_by else None


SHAPE: Shape[Order] = Shape(
    {
        "url": lambda call, order: call.url("marketplace-orders", order.uuid),
        "uuid": lambda _, order: order.uuid,
        "created": lambda _, order: as_text(order.created),
        "created_by": lambda call, order: call.url("users", order.created_by.uuid),
        "created_by_username": lambda _, order: order.created_by.username,
        "created_by_full_name": lambda _, order: order.created_by.full_name,
        "approved_by": _user_url,
        "approved_at": lambda _, order: as_text(order.approved_at),
        "approved_by_username": lambda _, order: or_absent(order.approved_by and order.approved_by.username),
        "approved_by_full_name": lambda _, order: or_absent(
            order.approved_by and order.approved_by.full_name
        ),
        "project": lambda call, order: call.url("projects", order.project.uuid),
        "project_uuid": lambda _, order: order.project.uuid,
        "project_name": lambda _, order: order.project.name,
        "project_description": lambda _, order: order.project.description,
        "customer_name": lambda _, order: order.project.customer.name,
        "customer_uuid": lambda _, order: order.project.customer.uuid,
        "state": lambda _, order: order.state,
        "items": _items,
        "total_cost": lambda _, order: money(sum(item.cost or 0 for item in order.items)),
        "file": lambda call, order: call.url("marketplace-orders", order.uuid, "pdf"),
        "type": lambda _, order: order.items[0].type if order.items else None,
        "error_message": lambda _, order: "\n".join(
            f"{item.uuid}: {item.error_message}" for item in order.items
        ),
    },
    obeys_field=False,
)
FILTERS = {
    "state": by_choice(STATES, Order.state.in_),
    "project_uuid": by_uuid(lambda uuid: Order.project.has(Project.uuid == uuid)),
    "customer_uuid": by_uuid(lambda uuid: Order.project.has(Project.customer.has(Customer.uuid == uuid))),
}


@ROUTES.get(LIST)
def list_orders(call: Call) -> Reply:
    """The orders of the caller's own side."""
    query = filtered(call, select(Order).where(call.roles.sees_orders()), FILTERS)
    return page_reply(call, query.order_by(Order.id), SHAPE)


@ROUTES.get(ONE)
def get_order(call: Call, uuid: str) -> Reply:
    """One order. `field` narrows its items, not the order."""
    return SHAPE.reply(call, call.find(Order, uuid, call.roles.sees_orders()))


@ROUTES.post(LIST)
def create_order(call: Call) -> Reply:
    """Order new resources. Limits are refused, a plan may be missing."""
    body = checked(
        call.body,
        {
            "project": lambda value: _linked(call, Project, "projects", value, seen_only=True),
            "items": list_of({"offering": lambda value: _linked(call, Offering, "offerings", value)}),
        },
    )
    project = body["project"]
    assert isinstance(project, Project)  # noqa: S101 - the check above gives nothing else
    if not call.roles.runs_project(project):
        raise ForbiddenError
    order = new_order(call, project)
    for wanted in _wanted_items(call):
        order.items.append(wanted)
    call.session.flush()
    return SHAPE.reply(call, order, 201)


def new_order(call: Call, project: Project) -> Order:
    """An order of the caller, approved at once if he could approve it himself."""
    order = Order(project=project, created_by=call.user, created=call.now)
    call.session.add(order)
    if call.roles.approves_for(project):
        approve_order(call, order)
    return order


def _wanted_items(call: Call) -> list[OrderItem]:
    """The items of the body; complaints about any of them refuse the order."""
    items: list[OrderItem] = []
    complaints: list[object] = []
    raw = call.body["items"] if isinstance(call.body, dict) else []
    if not raw:
        raise RefusedError({"items": ["This field is required."]})
    for one in raw:
        try:
            items.append(_wanted_item(call, one))
            complaints.append({})
        except WrongError as wrong:
            complaints.append(wrong.complaint)
    if any(complaints):
        raise RefusedError({"items": complaints})
    return items


def _wanted_item(call: Call, body: dict[str, object]) -> OrderItem:
    offering = _linked(call, Offering, "offerings", body["offering"])
    assert isinstance(offering, Offering)  # noqa: S101 - checked before
    attributes = body.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise WrongError({"attributes": ["Expected a dictionary of attributes."]})
    limits = ordered_limits(call, offering, body.get("limits"))
    plan = _plan_of(call, offering, body.get("plan"))
    cost = lifecycle.cost_of(plan, limits)
    return OrderItem(
        type="Create",
        offering=offering,
        plan=plan,
        attributes=attributes,
        limits=limits,
        cost=cost,
        created=call.now,
        modified=call.now,
    )


def _plan_of(call: Call, offering: Offering, address: object) -> Plan | None:
    if address is None:
        return None
    try:
        plan = _linked(call, Plan, "plans", address)
    except WrongError as wrong:
        raise WrongError({"plan": wrong.complaint}) from None
    if not isinstance(plan, Plan) or plan.offering is not offering:
        raise WrongError({"plan": ["This plan is not available for selected offering."]})
    return plan


def _linked(call: Call, table: type[Named], word: str, address: object, *, seen_only: bool = False) -> object:
    """The row behind an address in a body."""
    if not isinstance(address, str):
        raise WrongError(f"Incorrect type. Expected URL string, received {type(address).__name__}.")
    kind, _, uuid = address.rstrip("/").rpartition("/")
    if not kind.endswith(word):
        raise WrongError("Invalid hyperlink - No URL match.")
    condition = [call.roles.sees_projects()] if seen_only else []
    try:
        return call.find(table, uuid, *condition)
    except NotFoundError:
        raise WrongError("Invalid hyperlink - Object does not exist.") from None


def approve_order(call: Call, order: Order) -> None:
    """The customer's side agrees: the order is executing, its items still wait for the provider."""
    order.state = "executing"
    order.approved_by = call.user
    order.approved_at = call.now


def reject_order(order: Order, item: OrderItem, now: datetime) -> None:
    """An item that nobody began ends; an order with nothing else to wait for is rejected."""
    lifecycle.set_item_state(item, "terminated", now)
    if all(one.state == "terminated" for one in order.items):
        order.state = "rejected"


@ROUTES.post(ONE + "approve/")
def approve(call: Call, uuid: str) -> Reply:
    """For the customer's side; the items then still wait for the provider."""
    order = _to_decide(call, uuid)
    approve_order(call, order)
    return Reply({"detail": "Order has been approved."})


@ROUTES.post(ONE + "reject/")
def reject(call: Call, uuid: str) -> Reply:
    """For the customer's side: all of the order ends."""
    order = _to_decide(call, uuid)
    for item in order.items:
        reject_order(order, item, call.now)
    return Reply({"detail": "Order has been rejected."})


def _to_decide(call: Call, uuid: str) -> Order:
    order = call.find(Order, uuid, call.roles.sees_orders())
    if not call.roles.approves_for(order.project):
        raise ForbiddenError
    if order.state != "requested for approval":
        raise ApiError(
            400, [f"Order has incorrect state. Expected requested for approval, got {order.state}"]
        )
    return order


def has_open_item(call: Call, resource: Resource) -> bool:
    """Whether something that was ordered for the resource is not finished."""
    open_items = select(OrderItem.id).where(
        OrderItem.resource_id == resource.id, OrderItem.state.in_(("pending", "executing"))
    )
    return call.session.scalar(open_items.limit(1)) is not None


def order_change(call: Call, resource: Resource, kind: str, **item: object) -> Reply:
    """Order a change of a resource: one open order per resource."""
    if has_open_item(call, resource):
        raise RefusedError(["Pending order item for resource already exists."])
    if resource.state not in {"OK", "Erred"}:
        raise RefusedError(["Valid states for operation: Erred, OK."])
    order = new_order(call, resource.project)
    if order.state != "executing" and kind == "Terminate" and call.roles.owns_offering(resource.offering):
        approve_order(call, order)
    order.items.append(
        OrderItem(
            type=kind,
            offering=resource.offering,
            resource=resource,
            created=call.now,
            modified=call.now,
            **item,
        )
    )
    call.session.flush()
    return Reply({"order_uuid": order.uuid})
