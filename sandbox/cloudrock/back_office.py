"""The back office: what happens beside the API. Tests and demos use it; the real server has no such door.

In the process it is plain Python. From another process: POST /sandbox/<name>/ as staff, arguments as JSON.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from sandbox.cloudrock import lifecycle
from sandbox.cloudrock.clock import as_text, month_start
from sandbox.cloudrock.faults import Fault
from sandbox.cloudrock.office_bulk import add_resources
from sandbox.cloudrock.office_rest import AtRest, add_roles
from sandbox.cloudrock.office_rows import People, as_moment, row_of
from sandbox.cloudrock.slurm_remote import STATE_NUMBERS
from sandbox.cloudrock.tables import Component, Customer, Order, OrderItem, Project, Resource, User
from sandbox.cloudrock.usage_tables import ComponentUsage, PlanPeriod

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.cloudrock.office_rest import Rest, Resting

RESOURCE_STATES = ("Creating", "OK", "Erred", "Updating", "Terminating", "Terminated")


class BackOffice(People):
    """Everything that tests may do beside the API."""

    def perform(self, name: str, arguments: dict[str, object]) -> object:
        """One of the public methods, by its name: the door for other processes."""
        if name.startswith("_") or name == "perform" or not hasattr(self, name):
            raise LookupError(f"the back office has no {name}")
        return getattr(self, name)(**arguments)

    # the clock and the worker

    def set_clock(self, moment: datetime | str) -> None:
        """From here on the server's clock says this, and runs."""
        self._parts.clock.set(as_moment(moment))

    def advance_clock(self, seconds: float) -> None:
        """Let time pass."""
        self._parts.clock.advance(seconds)

    def reset_clock(self) -> None:
        """Follow real time again."""
        self._parts.clock.follow_real_time()

    def clock(self) -> str | None:
        """What the server's clock says."""
        return as_text(self._now())

    def pause_worker(self) -> None:
        """Approved items wait."""
        self._parts.worker.pause()

    def resume_worker(self) -> None:
        """Approved items are processed again."""
        self._parts.worker.resume()

    def run_worker(self) -> int:
        """Process what waits, at once, even while paused. Returns how many items there were."""
        return self._parts.worker.process_now()

    # states

    def force_allocation_state(self, resource: str, state: str) -> None:
        """Set the allocation's state in the database: nothing follows from it."""
        if state not in STATE_NUMBERS:
            raise ValueError(f"no such state of an allocation: {state}")
        with self._store.writing() as session:
            row_of(session, Resource, resource).allocation.state = state

    def force_resource_state(self, resource: str, state: str) -> None:
        """Set the resource's state in the database: nothing follows from it."""
        if state not in RESOURCE_STATES:
            raise ValueError(f"no such state of a resource: {state}")
        with self._store.writing() as session:
            row_of(session, Resource, resource).state = state

    def state_of(self, item: str) -> dict[str, object]:
        """Where an order item, its resource and its allocation are."""
        with self._store.reading() as session:
            row = row_of(session, OrderItem, item)
            resource = row.resource
            return {
                "order": row.order.uuid,
                "item_state": row.state,
                "resource": resource.uuid if resource else None,
                "resource_state": resource.state if resource else None,
                "allocation": resource.allocation.uuid if resource else None,
                "allocation_state": resource.allocation.state if resource else None,
            }

    # orders that REST refuses

    def insert_update_order(
        self, resource: str, limits: dict[str, object], old_limits: dict[str, object] | None = None
    ) -> str:
        """An approved order to change limits, whose item waits for the provider. Gives the item's uuid."""
        now = self._now()
        with self._store.writing() as session:
            row = row_of(session, Resource, resource)
            staff = session.scalars(select(User).where(User.is_staff).order_by(User.id)).first()
            if staff is None:
                raise LookupError("nobody is staff")
            order = Order(
                project=row.project,
                state="executing",
                created_by=staff,
                approved_by=staff,
                approved_at=now,
                created=now,
            )
            item = OrderItem(
                type="Update",
                offering=row.offering,
                resource=row,
                plan=row.plan,
                limits=limits,
                attributes={"old_limits": dict(row.limits) if old_limits is None else old_limits},
                cost=lifecycle.cost_of(row.plan, limits),
                created=now,
                modified=now,
            )
            order.items.append(item)
            session.add(order)
            session.flush()
            return item.uuid

    def set_item_limits(self, item: str, limits: dict[str, object]) -> None:
        """Give an order item limits, as later versions of the marketplace allow."""
        with self._store.writing() as session:
            row_of(session, OrderItem, item).limits = limits

    def add_resources(
        self, project: str, offering: str, plan: str, count: int, name: str = "bulk", usernames: int = 0
    ) -> list[str]:
        """Many finished resources at once, each with so many associations."""
        with self._store.writing() as session:
            owner = row_of(session, Project, project)
            return add_resources(session, self._now(), owner, offering, plan, count, name, usernames)

    def add_projects_at_rest(
        self, customer: str, offering: str, plan: str, since: datetime | str, projects: list[Rest]
    ) -> list[Resting]:
        """Projects with members, and finished resources whose accounts and users are known."""
        with self._store.writing() as session:
            owner = row_of(session, Customer, customer)
            site = AtRest(session, self._now(), owner, offering, plan, as_moment(since))
            return [site.add(project) for project in projects]

    def add_members(self, project: str, users: list[str]) -> None:
        """Make users members of a project, with one statement."""
        with self._store.writing() as session:
            add_roles(session, row_of(session, Project, project), users, self._now())

    # plan periods and usage

    def set_period_start(self, period: str, moment: datetime | str) -> None:
        """Move a plan period's start."""
        with self._store.writing() as session:
            row_of(session, PlanPeriod, period).start = as_moment(moment)

    def set_period_end(self, period: str, moment: datetime | str | None) -> None:
        """Move, set or clear a plan period's end."""
        with self._store.writing() as session:
            row_of(session, PlanPeriod, period).end = None if moment is None else as_moment(moment)

    def insert_usage(self, period: str, type: str, amount: int, moment: datetime | str) -> str:  # noqa: A002
        """A usage row as if it had been posted at that moment."""
        posted = as_moment(moment)
        with self._store.writing() as session:
            row = row_of(session, PlanPeriod, period)
            usage = ComponentUsage(
                resource=row.resource,
                plan_period=row,
                component=_component(row.resource, type),
                billing_period=month_start(posted).date(),
                usage=amount,
                date=posted,
                created=self._now(),
            )
            session.add(usage)
            session.flush()
            return usage.uuid

    def delete_usages(self, resource: str, type: str) -> int:  # noqa: A002
        """Remove a resource's rows of one component. Returns how many there were."""
        with self._store.writing() as session:
            row = row_of(session, Resource, resource)
            mine = (
                ComponentUsage.resource_id == row.id,
                ComponentUsage.component_id == _component(row, type).id,
            )
            count = session.scalar(select(func.count(ComponentUsage.id)).where(*mine)) or 0
            session.execute(delete(ComponentUsage).where(*mine))
            return count

    def usages(self, resource: str) -> list[dict[str, object]]:
        """Every usage row of a resource, for assertions: component, month, amount, period."""
        with self._store.reading() as session:
            row = row_of(session, Resource, resource)
            rows = session.scalars(
                select(ComponentUsage).where(ComponentUsage.resource_id == row.id).order_by(ComponentUsage.id)
            )
            return [
                {
                    "type": one.component.type,
                    "month": date.isoformat(one.billing_period)[:7],
                    "amount": one.usage,
                    "period": one.plan_period.uuid,
                }
                for one in rows
            ]

    # switches, faults, requests

    def set_freeipa(self, enabled: bool) -> None:  # noqa: FBT001 - also called with JSON
        """Switch the FreeIPA extension on or off."""
        self._parts.switches.freeipa = enabled

    def set_dated_usage(self, enabled: bool) -> None:  # noqa: FBT001 - also called with JSON
        """Book a usage report that has a date under its month, which the recorded server does not."""
        self._parts.switches.dated_usage = enabled

    def set_limits_orders(self, enabled: bool) -> None:  # noqa: FBT001 - also called with JSON
        """Let customers order limits over REST, which the recorded server refuses."""
        self._parts.switches.limits_orders = enabled

    def fail_next(  # noqa: PLR0913 - all named
        self,
        pattern: str,
        *,
        kind: str = "answer",
        times: int = 1,
        status: int = 503,
        body: object = "<h1>Service Unavailable</h1>",
        headers: dict[str, str] | None = None,
        seconds: float = 0,
        after: int = 0,
        pid: int = 0,
    ) -> None:
        """Trouble for the next requests whose "METHOD /path" matches; the kinds are told at Fault."""
        self._parts.faults.add(Fault(pattern, kind, times, status, body, headers or {}, seconds, after, pid))

    def clear_faults(self) -> None:
        """No more trouble."""
        self._parts.faults.clear()

    def requests(self) -> list[dict[str, object]]:
        """The API requests so far: method, path, query, actor, body, status, at."""
        return self._parts.journal.entries()

    def request_count(self) -> int:
        """How many API requests there were since they were forgotten."""
        return self._parts.journal.count

    def clear_requests(self) -> None:
        """Forget them."""
        self._parts.journal.clear()


def _component(resource: Resource, type_: str) -> Component:
    for component in resource.offering.components:
        if component.type == type_:
            return component
    raise LookupError(f"the offering has no component {type_}")
