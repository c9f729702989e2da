"""The background worker: makes, changes and ends resources for approved order items, a moment later."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandbox.cloudrock import lifecycle
from sandbox.cloudrock.errors import BrokenServerError, TransitionError
from sandbox.cloudrock.tables import Allocation, OrderItem, Resource

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from sandbox.cloudrock.clock import Clock
    from sandbox.cloudrock.store import Store


class Worker:
    """Takes approved items from the database in their order, unless it is paused."""

    def __init__(self, store: Store, clock: Clock, delay_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._delay_seconds = delay_seconds
        self._called = threading.Event()
        self._stopping = threading.Event()
        self._running = threading.Event()
        self._running.set()
        self._thread = threading.Thread(target=self._work, name="cloudrock-worker", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier run left over."""
        self._called.set()
        self._thread.start()

    def stop(self) -> None:
        """End after the items at hand."""
        self._stopping.set()
        self._called.set()
        self._running.set()
        self._thread.join()

    def call(self) -> None:
        """There is something to do."""
        self._called.set()

    def pause(self) -> None:
        """Approved items wait from now on, as if the worker were down."""
        self._running.clear()

    def resume(self) -> None:
        """Go on, beginning with what waited."""
        self._running.set()
        self._called.set()

    def process_now(self) -> int:
        """Process everything that waits, here and at once, paused or not. Returns how many."""
        with self._store.writing() as session:
            items = session.scalars(
                select(OrderItem).where(OrderItem.waits_for_worker).order_by(OrderItem.id)
            ).all()
            for item in items:
                process(session, item, self._clock.now())
            return len(items)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._called.wait()
            self._called.clear()
            if self._stopping.wait(self._delay_seconds):
                return
            self._running.wait()
            if not self._stopping.is_set():
                self.process_now()


def process(session: Session, item: OrderItem, now: datetime) -> None:
    """Do what an approved item asks for. What the allocation's state does not allow makes the item erred."""
    item.waits_for_worker = False
    if item.state != "executing":
        return
    try:
        if item.type == "Create":
            _create(session, item, now)
        elif item.type == "Update":
            _update(item, now)
        else:
            _terminate(item, now)
    except BrokenServerError as refusal:
        item.error_message = str(refusal)
        lifecycle.set_item_state(item, "erred", now)
    session.flush()


def _create(session: Session, item: OrderItem, now: datetime) -> None:
    if item.resource is not None:
        return
    allocation = Allocation(created=now, modified=now)
    item.resource = Resource(
        name=str(item.attributes.get("name", "")),
        attributes=item.attributes,
        limits=item.limits,
        offering=item.offering,
        project=item.order.project,
        plan=item.plan,
        cost=item.cost,
        allocation=allocation,
        created=now,
        modified=now,
    )
    item.modified = now
    session.add(item.resource)


def _update(item: OrderItem, now: datetime) -> None:
    """New limits go to the cluster by way of the allocation; a switch of plan does not touch it."""
    resource = lifecycle.resource_of(item)
    if item.old_plan_id is None:
        _schedule(resource, "Update Scheduled", "schedule_updating", now)
    resource.state = "Updating"
    resource.modified = now


def _terminate(item: OrderItem, now: datetime) -> None:
    resource = lifecycle.resource_of(item)
    _schedule(resource, "Deletion Scheduled", "schedule_deleting", now)
    resource.state = "Terminating"
    resource.modified = now


def _schedule(resource: Resource, state: str, method: str, now: datetime) -> None:
    if resource.allocation.state not in {"OK", "Erred"}:
        raise TransitionError(resource.allocation.state, method)
    lifecycle.set_allocation(resource, state, now)
