"""marketplace-order-items: what there is to do, and the actions that say what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from sandbox.cloudrock import lifecycle
from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.clock import as_text
from sandbox.cloudrock.errors import BrokenServerError, ForbiddenError, RefusedError
from sandbox.cloudrock.filters import by_choice, by_moment, by_uuid, filtered, ordered
from sandbox.cloudrock.offering_fields import OFFERING_FIELDS, money
from sandbox.cloudrock.orders import reject_order
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.rendering import ABSENT, Shape, constant, or_absent
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import Customer, Offering, Order, OrderItem, Project, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTES = Routes()
LIST = "marketplace-order-items/"
ONE = "marketplace-order-items/{uuid}/"
STATES = ("pending", "executing", "done", "erred", "terminated", "terminating")
TYPES = ("Create", "Update", "Terminate")


def of_resource(field: Callable[[Resource], object]) -> Callable[[Call, OrderItem], object]:
    """A field of the resource, and no key at all before the worker made it."""
    return lambda _call, item: ABSENT if item.resource is None else field(item.resource)


def _traceback(call: Call, item: OrderItem) -> object:
    return item.error_traceback if call.roles.sees_everything else ABSENT


def _approver(_call: Call, item: OrderItem) -> object:
    return item.order.approved_by.full_name if item.order.approved_by else ABSENT


def _once(_call: Call, item: OrderItem) -> object:
    """What is paid once: nothing, where there is a plan to say so."""
    planned = item.plan or (item.resource and item.resource.plan)
    return 0 if planned else ABSENT


def _new_cost(_call: Call, item: OrderItem) -> float | None:
    return None if item.cost is None else float(item.cost)


ITEM_FIELDS: dict[str, Callable[[Call, OrderItem], object]] = {
    **OFFERING_FIELDS,
    "created": lambda _, item: as_text(item.created),
    "modified": lambda _, item: as_text(item.modified),
    "type": lambda _, item: item.type,
    "resource_uuid": of_resource(lambda resource: resource.allocation.uuid),
    "resource_type": of_resource(lambda _: "SLURM.Allocation"),
    "resource_name": of_resource(lambda resource: resource.name),
    "cost": lambda _, item: money(item.cost),
    "state": lambda _, item: item.state,
    "output": constant(""),
    "marketplace_resource_uuid": of_resource(lambda resource: resource.uuid),
    "error_message": lambda _, item: item.error_message,
    "error_traceback": _traceback,
    "callback_url": constant(None),
}
SHAPE: Shape[OrderItem] = Shape(
    {
        **ITEM_FIELDS,
        "order_uuid": lambda _, item: item.order.uuid,
        "order_approved_at": lambda _, item: as_text(item.order.approved_at),
        "order_approved_by": _approver,
        "created_by_full_name": lambda _, item: item.order.created_by.full_name,
        "created_by_civil_number": constant(None),
        "customer_name": lambda _, item: item.order.project.customer.name,
        "customer_uuid": lambda _, item: item.order.project.customer.uuid,
        "project_name": lambda _, item: item.order.project.name,
        "project_uuid": lambda _, item: item.order.project.uuid,
        "project_description": lambda _, item: item.order.project.description,
        "old_plan_name": lambda _, item: or_absent(item.old_plan and item.old_plan.name),
        "new_plan_name": lambda _, item: or_absent(item.plan and item.plan.name),
        "old_plan_uuid": lambda _, item: or_absent(item.old_plan and item.old_plan.uuid),
        "new_plan_uuid": lambda _, item: or_absent(item.plan and item.plan.uuid),
        "old_cost_estimate": of_resource(
            lambda resource: None if resource.cost is None else float(resource.cost)
        ),
        "new_cost_estimate": _new_cost,
        "can_terminate": constant(value=False),
        "fixed_price": _once,
        "activation_price": _once,
        "reviewed_by": lambda _, item: or_absent(item.reviewed_by and item.reviewed_by.username),
        "reviewed_at": lambda _, item: as_text(item.reviewed_at),
        "issue": constant(None),
    }
)
IN_ORDER: Shape[OrderItem] = Shape(ITEM_FIELDS)

FILTERS = {
    "state": by_choice(STATES, OrderItem.state.in_),
    "type": by_choice(TYPES, OrderItem.type.in_),
    "offering_uuid": by_uuid(lambda uuid: OrderItem.offering.has(Offering.uuid == uuid)),
    "provider_uuid": by_uuid(
        lambda uuid: OrderItem.offering.has(Offering.customer.has(Customer.uuid == uuid))
    ),
    "order_uuid": by_uuid(lambda uuid: OrderItem.order.has(Order.uuid == uuid)),
    "project_uuid": by_uuid(lambda uuid: OrderItem.order.has(Order.project.has(Project.uuid == uuid))),
    "customer_uuid": by_uuid(
        lambda uuid: OrderItem.order.has(Order.project.has(Project.customer.has(Customer.uuid == uuid)))
    ),
    "resource_uuid": by_uuid(lambda uuid: OrderItem.resource.has(Resource.uuid == uuid)),
    "created": by_moment(lambda moment: OrderItem.created >= moment),
    "modified": by_moment(lambda moment: OrderItem.modified >= moment),
}


@ROUTES.get(LIST)
def list_items(call: Call) -> Reply:
    """The items that the caller may see, in the order in which they were made."""
    query = filtered(call, select(OrderItem).where(call.roles.sees_order_items()), FILTERS)
    query = ordered(
        call, query, {"created": OrderItem.created, "state": OrderItem.state, "type": OrderItem.type}
    )
    return page_reply(call, query.order_by(OrderItem.id), SHAPE)


@ROUTES.get(ONE)
def get_item(call: Call, uuid: str) -> Reply:
    """One item."""
    return SHAPE.reply(call, seen(call, uuid))


def seen(call: Call, uuid: str) -> OrderItem:
    """The item, if the caller may see it."""
    return call.find(OrderItem, uuid, call.roles.sees_order_items())


def _own(call: Call, uuid: str) -> OrderItem:
    """The item, if the caller may say what became of it."""
    item = seen(call, uuid)
    if not call.roles.owns_offering(item.offering):
        raise ForbiddenError
    return item


def _expect(item: OrderItem, *states: str) -> None:
    if item.state not in states:
        raise RefusedError(
            [f"Order item has incorrect state. Expected {' or '.join(states)}, got {item.state}"]
        )


@ROUTES.post(ONE + "approve/")
def approve(call: Call, uuid: str) -> Reply:
    """Pending: begin. Executing: done."""
    item = _own(call, uuid)
    if item.state == "executing":
        if item.resource is None:
            raise RefusedError(["Order item does not have a resource."])
        lifecycle.finish(call.session, item, call.now)
        return Reply()
    if item.state != "pending":
        raise RefusedError(["Order item is not in executing or pending state."])
    if item.order.state == "requested for approval":
        item.order.state = "executing"  # as recorded: it goes on, but nobody is noted as its approver
    item.reviewed_by = call.user
    item.reviewed_at = call.now
    item.waits_for_worker = True
    lifecycle.set_item_state(item, "executing", call.now)
    call.approved.append(item.uuid)
    return Reply()


@ROUTES.post(ONE + "reject/")
def reject(call: Call, uuid: str) -> Reply:
    """Give the item up."""
    item = seen(call, uuid)
    if not (call.roles.owns_offering(item.offering) or call.roles.approves_for(item.order.project)):
        raise ForbiddenError
    if item.state == "executing":
        if item.resource is None:
            raise RefusedError(["Order item does not have a resource."])
        lifecycle.reject(call.session, item, call.now)
        return Reply()
    if item.state != "pending":
        raise RefusedError(["Order item is not in executing or pending state."])
    item.reviewed_by = call.user
    item.reviewed_at = call.now
    reject_order(item.order, item, call.now)
    return Reply()


@ROUTES.post(ONE + "set_state_executing/")
def set_state_executing(call: Call, uuid: str) -> Reply:
    """The state only: from pending it makes no resource."""
    item = _own(call, uuid)
    _expect(item, "pending", "erred")
    lifecycle.set_item_state(item, "executing", call.now)
    return Reply()


@ROUTES.post(ONE + "set_state_done/")
def set_state_done(call: Call, uuid: str) -> Reply:
    """The work is done."""
    item = _own(call, uuid)
    _expect(item, "executing")
    lifecycle.finish(call.session, item, call.now)
    return Reply()


@ROUTES.post(ONE + "set_state_erred/")
def set_state_erred(call: Call, uuid: str) -> Reply:
    """The work failed, from any state. A body without both texts breaks the real server."""
    item = _own(call, uuid)
    if not isinstance(call.body, dict) or not {"error_message", "error_traceback"} <= set(call.body):
        raise BrokenServerError("set_state_erred without error_message and error_traceback")
    lifecycle.fail(call.session, item, call.now)
    item.error_message = str(call.body["error_message"])
    item.error_traceback = str(call.body["error_traceback"])
    item.modified = call.now
    return Reply()


@ROUTES.post(ONE + "terminate/")
def terminate(call: Call, uuid: str) -> Reply:
    """Not for this kind of offering."""
    item = seen(call, uuid)
    if not (call.roles.runs_project(item.order.project) or call.roles.owns_offering(item.offering)):
        raise ForbiddenError
    raise RefusedError(
        {"details": "Order item could not be terminated because it is not supported by plugin."}
    )
