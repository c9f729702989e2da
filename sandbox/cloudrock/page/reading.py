"""What the pages show, read in one session: rows as they are stored, and what is worked out from them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from sandbox.cloudrock.clock import month_start
from sandbox.cloudrock.page.plots import Series, told
from sandbox.cloudrock.page.wording import UNDER_WAY
from sandbox.cloudrock.tables import Component, Offering, OrderItem, Resource
from sandbox.cloudrock.usage_tables import Association, ComponentUsage, PlanPeriod, UsageReport, UserUsage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from sandbox.cloudrock.journal import Entry, Journal

MOST_ROWS = 50
LONGEST_BODY = 400
USER_COLUMNS = (("cpu_usage", "CPU"), ("gpu_usage", "GPU"), ("ram_usage", "RAM"))
"""The three that the marketplace has for users, whatever the offering's components are called."""


class Amount(NamedTuple):
    """What was used of a component this month."""

    component: Component
    amount: int | None
    """None: nothing was told."""
    limit: int | None

    @property
    def share(self) -> float | None:
        """Of the limit, where there is one."""
        return None if self.amount is None or not self.limit else self.amount / self.limit


class UserRow(NamedTuple):
    """What a user used this month: for each column the amount, and its share of all users'."""

    username: str
    cells: list[tuple[int, float | None]]


class Request(NamedTuple):
    """A request that somebody made to the API."""

    entry: Entry
    body: str
    """As JSON, shortened."""


def newest_items(session: Session, resource: Resource | None = None) -> list[OrderItem]:
    """The newest order items, of one resource or of all."""
    query = select(OrderItem).order_by(OrderItem.id.desc()).limit(MOST_ROWS)
    if resource is not None:
        query = query.where(OrderItem.resource_id == resource.id)
    return list(session.scalars(query))


def newest_resources(session: Session) -> list[Resource]:
    """The newest resources."""
    return list(session.scalars(select(Resource).order_by(Resource.id.desc()).limit(MOST_ROWS)))


def offerings(session: Session) -> list[Offering]:
    """All offerings."""
    return list(session.scalars(select(Offering).order_by(Offering.id).limit(MOST_ROWS)))


def count_of(session: Session, table: type[OrderItem | Resource]) -> int:
    """How many there are, shown or not."""
    return session.scalar(select(func.count()).select_from(table)) or 0


def is_under_way(items: Iterable[OrderItem]) -> bool:
    """Whether any of them is not finished, so that the page may soon say something else."""
    return any(item.state in UNDER_WAY for item in items)


def limits_of(resource: Resource) -> dict[str, int]:
    """The resource's limits that are numbers: an integration may have stored anything."""
    return {name: value for name, value in resource.limits.items() if isinstance(value, int)}


def amounts(session: Session, resource: Resource, now: datetime) -> list[Amount]:
    """This month's usage of every component that the offering has, over all plan periods."""
    query = (
        select(ComponentUsage.component_id, func.sum(ComponentUsage.usage))
        .where(
            ComponentUsage.resource_id == resource.id,
            ComponentUsage.billing_period == month_start(now).date(),
        )
        .group_by(ComponentUsage.component_id)
    )
    used: dict[int, int] = {component: amount for component, amount in session.execute(query)}  # noqa: C416 - rows
    limits = limits_of(resource)
    return [
        Amount(component, used.get(component.id), limits.get(component.type, component.limit_amount))
        for component in resource.offering.components
    ]


def by_month(session: Session, resource: Resource) -> dict[date, dict[str, int]]:
    """The amounts of every month that something was told for, the newest first."""
    query = (
        select(ComponentUsage.billing_period, Component.type, func.sum(ComponentUsage.usage))
        .join(ComponentUsage.component)
        .where(ComponentUsage.resource_id == resource.id)
        .group_by(ComponentUsage.billing_period, Component.type)
        .order_by(ComponentUsage.billing_period.desc())
    )
    months: dict[date, dict[str, int]] = defaultdict(dict)
    for month, kind, amount in session.execute(query):
        months[month][kind] = amount
    return months


def user_rows(session: Session, resource: Resource, now: datetime) -> list[UserRow]:
    """What the allocation's users used this month."""
    month = month_start(now)
    rows = session.scalars(
        select(UserUsage)
        .where(
            UserUsage.allocation_id == resource.allocation_id,
            UserUsage.year == month.year,
            UserUsage.month == month.month,
        )
        .order_by(UserUsage.username, UserUsage.id)
        .limit(MOST_ROWS)
    ).all()
    totals = {name: sum(getattr(row, name) for row in rows) for name, _ in USER_COLUMNS}
    return [
        UserRow(
            row.username,
            [
                (getattr(row, name), getattr(row, name) / totals[name] if totals[name] else None)
                for name, _ in USER_COLUMNS
            ],
        )
        for row in rows
    ]


def periods_of(session: Session, resource: Resource) -> list[PlanPeriod]:
    """All its plan periods, oldest first: the API shows this month's only."""
    query = select(PlanPeriod).where(PlanPeriod.resource_id == resource.id)
    return list(session.scalars(query.order_by(PlanPeriod.id)))


def usernames_of(session: Session, resource: Resource) -> list[str]:
    """Who may use the allocation, as the agent told."""
    query = select(Association.username).where(Association.allocation_id == resource.allocation_id)
    return list(session.scalars(query.order_by(Association.username)))


def plot_of(session: Session, resource: Resource, now: datetime) -> str:
    """How this month's amounts grew with each report; empty when nothing was told."""
    month = month_start(now)
    query = (
        select(UsageReport, ComponentUsage)
        .join(UsageReport.component_usage)
        .where(
            ComponentUsage.resource_id == resource.id,
            ComponentUsage.billing_period == month.date(),
            UsageReport.at >= month,
        )
        .order_by(UsageReport.id)
    )
    points: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    held: dict[int, int] = {}
    for report, row in session.execute(query):
        held[row.id] = report.amount
        held_of_component = _sum_of(session, held, row.component_id)
        points[row.component_id].append((report.at, held_of_component))
    series = tuple(
        Series(one.component.name, one.component.measured_unit, tuple(points[one.component.id]), one.limit)
        for one in amounts(session, resource, now)
        if one.component.id in points
    )
    begin = max(month, resource.created)
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return told(series, begin, end) if series and begin < end else ""


def _sum_of(session: Session, held: dict[int, int], component: int) -> int:
    rows = (session.get_one(ComponentUsage, row) for row in held)
    return sum(held[row.id] for row in rows if row.component_id == component)


def requests(journal: Journal, *, changes_only: bool) -> list[Request]:
    """The last requests to the API, the newest first."""
    return _readable(journal.last(MOST_ROWS, lambda entry: not changes_only or entry.method != "GET"))


def requests_about(journal: Journal, words: set[str]) -> list[Request]:
    """The last changes whose path or body names one of these uuids."""

    def concerns(entry: Entry) -> bool:
        if entry.method == "GET":
            return False
        said = f"{entry.path} {json.dumps(entry.body)}"
        return any(word in said for word in words)

    return _readable(journal.last(MOST_ROWS, concerns))


def _readable(entries: list[Entry]) -> list[Request]:
    found = []
    for entry in entries:
        text = "" if entry.body is None else json.dumps(entry.body, ensure_ascii=False)
        found.append(Request(entry, text if len(text) <= LONGEST_BODY else f"{text[:LONGEST_BODY]}…"))
    return found
