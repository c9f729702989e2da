"""What finishing, failing and rejecting an order item does to the item, the resource and the allocation.

Both roads lead here: the order item's own actions, and the allocation's change of state.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandbox.cloudrock.errors import BrokenServerError, TransitionError
from sandbox.cloudrock.tables import OrderItem
from sandbox.cloudrock.usage_tables import PlanPeriod

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from sandbox.cloudrock.tables import Allocation, Plan, Resource

FINISHED = {"done", "erred", "terminated"}


def cost_of(plan: Plan | None, limits: dict[str, object]) -> Decimal | None:
    """What the limits cost in a plan, per its unit: only components billed by limit count."""
    if plan is None:
        return None
    total = Decimal(0)
    for price in plan.prices:
        limit = limits.get(price.component.type)
        if price.component.billing_type == "limit" and isinstance(limit, int):
            total += price.price * limit
    return total


def finish(session: Session, item: OrderItem, now: datetime) -> None:
    """The item's work is done."""
    resource = resource_of(item)
    if item.type == "Create":
        creation_succeeded(session, resource, now)
    elif item.type == "Update":
        update_succeeded(session, resource, now)
    else:
        begin_deleting(resource, now)
        _deletion_succeeded(session, resource, now)


def fail(session: Session, item: OrderItem, now: datetime) -> None:
    """The item's work failed. An item that is already done stays done; its resource does not."""
    resource = resource_of(item)
    state = "OK" if item.type == "Terminate" else "Erred"
    _settle(session, resource, item.type, resource_state=state, item_state="erred", now=now)


def reject(session: Session, item: OrderItem, now: datetime) -> None:
    """The provider gives up an item that is executing."""
    if item.type == "Create":
        _settle(
            session,
            resource_of(item),
            "Create",
            resource_state="Terminated",
            item_state="terminated",
            now=now,
        )
    else:
        fail(session, item, now)


def allocation_changed(session: Session, resource: Resource, before: str, now: datetime) -> None:
    """The allocation came to a new state: five of the steps finish or fail an order."""
    note_allocation_state(resource)
    step = (before, resource.allocation.state)
    if step == ("Creating", "OK"):
        creation_succeeded(session, resource, now)
    elif step == ("Updating", "OK"):
        update_succeeded(session, resource, now)
    elif step == ("Creating", "Erred"):
        _settle(session, resource, "Create", resource_state="Erred", item_state="erred", now=now)
    elif step == ("Updating", "Erred"):
        _settle(session, resource, "Update", resource_state="Erred", item_state="erred", now=now)
    elif step == ("Deleting", "Erred"):
        _settle(session, resource, "Terminate", resource_state="OK", item_state="erred", now=now)


def creation_succeeded(session: Session, resource: Resource, now: datetime) -> None:
    """The resource exists. Coming here twice opens a second plan period: the real server does the same."""
    _settle(session, resource, "Create", resource_state="OK", item_state="done", now=now)
    _open_period(session, resource, now)


def update_succeeded(session: Session, resource: Resource, now: datetime) -> None:
    """The resource has its new limits, or its new plan; its plan period is closed and a new one opened."""
    item = _settle(session, resource, "Update", resource_state="OK", item_state="done", now=now)
    if item is None:
        return
    if item.limits:
        _refuse_other_components(resource, item.limits)
        resource.limits = dict(item.limits)
    if item.plan is not None:
        _close_period(session, resource, now)
        resource.plan = item.plan
        _open_period(session, resource, now)
    resource.cost = cost_of(resource.plan, resource.limits)


def _deletion_succeeded(session: Session, resource: Resource, now: datetime) -> None:
    _settle(session, resource, "Terminate", resource_state="Terminated", item_state="done", now=now)
    _close_period(session, resource, now)


def begin_deleting(resource: Resource, now: datetime) -> None:
    """The server itself leads the allocation to Deleting, from Deletion Scheduled only."""
    if resource.allocation.state != "Deletion Scheduled":
        raise TransitionError(resource.allocation.state, "begin_deleting")
    set_allocation(resource, "Deleting", now)


def set_allocation(resource: Resource, state: str, now: datetime) -> None:
    """Give the allocation a state, and let the resource's metadata say so."""
    resource.allocation.state = state
    resource.allocation.modified = now
    note_allocation_state(resource)


def note_allocation_state(resource: Resource) -> None:
    """Copy the allocation's state to where the resource shows it."""
    resource.backend_metadata = metadata_of(resource.allocation)


def metadata_of(allocation: Allocation) -> dict[str, object]:
    """What a resource says of its allocation."""
    return {"state": allocation.state, "action": None, "runtime_state": None, "action_details": None}


def set_item_state(item: OrderItem, state: str, now: datetime) -> None:
    """Give the item a state; an order without unfinished items is done."""
    item.state = state
    item.modified = now
    order = item.order
    if order.state == "executing" and all(one.state in FINISHED for one in order.items):
        order.state = "done"


def resource_of(item: OrderItem) -> Resource:
    """The item's resource, without which the real server breaks."""
    if item.resource is None:
        raise BrokenServerError(f"order item {item.uuid} has no resource")
    return item.resource


def _settle(
    session: Session, resource: Resource, kind: str, *, resource_state: str, item_state: str, now: datetime
) -> OrderItem | None:
    """Give the resource its state, and the one item of this kind that is executing on it its own."""
    resource.state = resource_state
    resource.modified = now
    items = session.scalars(
        select(OrderItem).where(
            OrderItem.resource_id == resource.id, OrderItem.type == kind, OrderItem.state == "executing"
        )
    ).all()
    if len(items) != 1:
        return None
    set_item_state(items[0], item_state, now)
    return items[0]


def _refuse_other_components(resource: Resource, limits: dict[str, object]) -> None:
    """The real server breaks on limits of components that are not billed by limit."""
    known = {one.type for one in resource.offering.components if one.billing_type == "limit"}
    strange = (set(limits) | set(resource.limits)) - known
    if strange:
        raise BrokenServerError(f"no components of billing type limit: {sorted(strange)}")


def _open_period(session: Session, resource: Resource, now: datetime) -> None:
    if resource.plan_id is not None or resource.plan is not None:
        session.add(PlanPeriod(resource=resource, plan=resource.plan, start=now, created=now))


def _close_period(session: Session, resource: Resource, now: datetime) -> None:
    """Close the open period. Where there are several, the real server cannot choose and closes none."""
    periods = session.scalars(
        select(PlanPeriod).where(
            PlanPeriod.resource_id == resource.id,
            PlanPeriod.plan_id == resource.plan_id,
            PlanPeriod.end.is_(None),
        )
    ).all()
    if len(periods) == 1:
        periods[0].end = now
