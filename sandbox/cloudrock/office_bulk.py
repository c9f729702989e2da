"""Many finished resources at once: the state after as many orders, written with few statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from sandbox.cloudrock.lifecycle import cost_of, metadata_of
from sandbox.cloudrock.tables import (
    Allocation,
    Offering,
    Order,
    OrderItem,
    Plan,
    Project,
    Resource,
    User,
    new_uuid,
)
from sandbox.cloudrock.usage_tables import Association, PlanPeriod

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def add_resources(  # noqa: PLR0913, PLR0917 - the parts of many orders
    session: Session,
    now: datetime,
    project: Project,
    offering_uuid: str,
    plan_uuid: str,
    count: int,
    name: str,
    usernames: int,
) -> list[str]:
    """The uuids of new resources in state OK, with their done orders, open plan periods and associations."""
    offering = session.scalars(select(Offering).where(Offering.uuid == offering_uuid)).one()
    plan = session.scalars(select(Plan).where(Plan.uuid == plan_uuid, Plan.offering_id == offering.id)).one()
    staff = session.scalars(select(User).where(User.is_staff).order_by(User.id)).first()
    if staff is None:
        raise LookupError("nobody is staff")
    names = [f"{name}-{number}" for number in range(1, count + 1)]
    rows = [_finished(one, project, offering, plan, now) for one in names]
    session.add_all(rows)
    session.flush()
    _add_orders(session, now, project, offering, plan, staff, rows)
    periods = [{"resource_id": r.id, "plan_id": plan.id, "start": now, "uuid": new_uuid()} for r in rows]
    _insert(session, PlanPeriod, now, periods)
    associations: list[dict[str, object]] = [
        {"allocation_id": row.allocation_id, "username": f"{name}_user_{number}", "uuid": new_uuid()}
        for row in rows
        for number in range(usernames)
    ]
    _insert(session, Association, now, associations)
    return [row.uuid for row in rows]


def _finished(name: str, project: Project, offering: Offering, plan: Plan, now: datetime) -> Resource:
    allocation = Allocation(state="OK", backend_id="", created=now, modified=now)
    return Resource(
        name=name,
        state="OK",
        attributes={"name": name},
        backend_metadata=metadata_of(allocation),
        offering=offering,
        project=project,
        plan=plan,
        cost=cost_of(plan, {}),
        allocation=allocation,
        created=now,
        modified=now,
    )


def _add_orders(
    session: Session,
    now: datetime,
    project: Project,
    offering: Offering,
    plan: Plan,
    staff: User,
    rows: list[Resource],
) -> None:
    orders = [
        Order(
            project=project, state="done", created_by=staff, approved_by=staff, approved_at=now, created=now
        )
        for _ in rows
    ]
    session.add_all(orders)
    session.flush()
    for order, row in zip(orders, rows, strict=True):
        session.add(
            OrderItem(
                order=order,
                type="Create",
                state="done",
                attributes=row.attributes,
                offering=offering,
                plan=plan,
                resource=row,
                cost=row.cost,
                reviewed_by=staff,
                reviewed_at=now,
                created=now,
                modified=now,
            )
        )
    session.flush()


def _insert(
    session: Session,
    table: type[PlanPeriod | Association],
    now: datetime,
    rows: list[dict[str, object]],
) -> None:
    if rows:
        session.execute(insert(table), [{**row, "created": now} for row in rows])
