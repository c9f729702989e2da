"""marketplace-component-usages: what is billed. A report sets, never adds, and means the current month."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import extract, func, select
from sqlalchemy.orm import joinedload

from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.checks import any_text, boolean, checked, integer, list_of, moment, text
from sandbox.cloudrock.clock import as_text, month_start
from sandbox.cloudrock.errors import BrokenServerError, ForbiddenError, RefusedError
from sandbox.cloudrock.filters import by_date, by_text, by_uuid, day_end, day_start, filtered
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.rendering import Shape
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import Component, Customer, Offering, Project, Resource
from sandbox.cloudrock.usage_tables import ComponentUsage, PlanPeriod, UsageReport

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTES = Routes()
LIST = "marketplace-component-usages/"
REPORTABLE = {"usage", "limit"}
TOTALS = {"cpu": "cpu_usage", "gpu": "gpu_usage", "ram": "ram_usage"}
REPORTED_IN = {"OK", "Updating", "Terminating"}

PERIOD_FIELDS: dict[str, Callable[[Call, ComponentUsage], object]] = {
    "uuid": lambda _, row: row.uuid,
    "created": lambda _, row: as_text(row.created),
    "description": lambda _, row: row.description,
    "type": lambda _, row: row.component.type,
    "name": lambda _, row: row.component.name,
    "measured_unit": lambda _, row: row.component.measured_unit,
    "usage": lambda _, row: row.usage,
    "date": lambda _, row: as_text(row.date),
    "recurring": lambda _, row: row.recurring,
}
IN_PERIOD: Shape[ComponentUsage] = Shape(PERIOD_FIELDS, obeys_field=False)
SHAPE: Shape[ComponentUsage] = Shape(
    {
        **PERIOD_FIELDS,
        "resource_name": lambda _, row: row.resource.name,
        "resource_uuid": lambda _, row: row.resource.uuid,
        "offering_name": lambda _, row: row.resource.offering.name,
        "offering_uuid": lambda _, row: row.resource.offering.uuid,
        "project_name": lambda _, row: row.resource.project.name,
        "project_uuid": lambda _, row: row.resource.project.uuid,
        "customer_name": lambda _, row: row.resource.project.customer.name,
        "customer_uuid": lambda _, row: row.resource.project.customer.uuid,
        "billing_period": lambda _, row: row.billing_period.isoformat(),
    },
    obeys_field=False,
)
RESOURCE = ComponentUsage.resource
FILTERS = {
    "resource_uuid": by_uuid(lambda uuid: RESOURCE.has(Resource.uuid == uuid)),
    "offering_uuid": by_uuid(lambda uuid: RESOURCE.has(Resource.offering.has(Offering.uuid == uuid))),
    "project_uuid": by_uuid(lambda uuid: RESOURCE.has(Resource.project.has(Project.uuid == uuid))),
    "customer_uuid": by_uuid(
        lambda uuid: RESOURCE.has(Resource.project.has(Project.customer.has(Customer.uuid == uuid)))
    ),
    "type": by_text(lambda word: ComponentUsage.component.has(Component.type == word)),
    "billing_period": by_date(lambda day: ComponentUsage.billing_period == day),
    "date_after": by_date(lambda day: ComponentUsage.date >= day_start(day)),
    "date_before": by_date(lambda day: ComponentUsage.date < day_end(day)),
}


class Report(NamedTuple):
    """What a caller says was used of one component."""

    type: str
    amount: int
    description: str
    recurring: bool


@ROUTES.get(LIST)
def list_usages(call: Call) -> Reply:
    """Every row, for every user of the marketplace, the last posted first."""
    query = filtered(call, select(ComponentUsage), FILTERS)
    query = query.order_by(ComponentUsage.date.desc(), ComponentUsage.id)
    whose = joinedload(ComponentUsage.resource).joinedload(Resource.project)
    return page_reply(call, query, SHAPE, whose, joinedload(ComponentUsage.component))


@ROUTES.get(LIST + "{uuid}/")
def get_usage(call: Call, uuid: str) -> Reply:
    """One row."""
    return SHAPE.reply(call, call.find(ComponentUsage, uuid))


@ROUTES.options(LIST + "set_usage/")
def describe_set_usage(call: Call) -> Reply:
    """The real server breaks when it describes this action."""
    raise BrokenServerError(f"{call.path} cannot be described")


@ROUTES.post(LIST + "set_usage/")
def set_usage(call: Call) -> Reply:
    """Set this month's amounts of a plan period. All of them, or none."""
    optional = {"description": any_text(), "recurring": boolean}
    body = checked(
        call.body,
        {
            "plan_period": any_text(),
            "usages": list_of({"type": text(), "amount": integer()}, optional),
        },
        {"date": moment} if call.switches.dated_usage else {},
    )
    booked_at = body.get("date", call.now)
    assert isinstance(booked_at, datetime)  # noqa: S101 - the check gave it
    period = _period(call, str(body["plan_period"]))
    reports = [_report(one) for one in _as_list(body["usages"])]
    components = _components(call, period, reports)
    if not call.roles.serves_offering(period.resource.offering):
        raise ForbiddenError(
            "Only staff, service provider owner and service manager are allowed to submit "
            "usage data for marketplace resource."
        )
    for report in reports:
        _refuse_over_limit(call, period.resource, components[report.type], report.amount)
        _set_row(call, period, components[report.type], report, booked_at)
        call.session.flush()
    if month_start(booked_at) == month_start(call.now):
        period.resource.current_usages = {report.type: report.amount for report in reports}
    period.resource.modified = call.now
    return Reply(status=201)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _report(one: object) -> Report:
    fields = one if isinstance(one, dict) else {}
    return Report(
        str(fields["type"]),
        int(fields["amount"]),
        str(fields.get("description", "")),
        bool(fields.get("recurring", False)),
    )


def _period(call: Call, uuid: str) -> PlanPeriod:
    period = call.session.scalar(select(PlanPeriod).where(PlanPeriod.uuid == uuid))
    if period is None:
        raise RefusedError({"plan_period": [f"Object with uuid={uuid} does not exist."]})
    return period


def _components(call: Call, period: PlanPeriod, reports: list[Report]) -> dict[str, Component]:
    """The components that reports may be about; anything wrong with the period or a type refuses all."""
    if period.resource.state not in REPORTED_IN:
        raise RefusedError({"resource": ["Resource is not in valid state."]})
    if period.end is not None and period.end < month_start(call.now):
        raise RefusedError({"plan_period": ["Billing period is closed."]})
    components = {
        one.type: one for one in period.resource.offering.components if one.billing_type in REPORTABLE
    }
    strange = {report.type for report in reports} - set(components)
    if strange:
        raise RefusedError(
            {"non_field_errors": [f"These components are invalid: {', '.join(sorted(strange))}."]}
        )
    return components


def _refuse_over_limit(call: Call, resource: Resource, component: Component, amount: int) -> None:
    """As the real server counts: rows that the report replaces are in the sum of a year or of all time."""
    limit = component.limit_amount
    if component.billing_type != "usage" or not component.limit_period or not limit:
        return
    stored = 0
    if component.limit_period != "month":
        query = select(func.coalesce(func.sum(ComponentUsage.usage), 0)).where(
            ComponentUsage.resource_id == resource.id, ComponentUsage.component_id == component.id
        )
        if component.limit_period == "annual":
            query = query.where(extract("year", ComponentUsage.date) == call.now.year)
        stored = call.session.scalar(query) or 0
    if stored + amount > limit:
        raise RefusedError([f"Total amount exceeds limit. Total amount: {stored + amount}, limit: {limit}."])


def copy_totals(call: Call, resource: Resource) -> None:
    """An allocation's totals become this month's usage of the components cpu, gpu and ram.

    The recording shows it: components.first_offering_usages_after has the 100 of user_usage.set_total.
    With no open plan period, or several, nothing is copied.
    """
    open_periods = select(PlanPeriod).where(PlanPeriod.resource_id == resource.id, PlanPeriod.end.is_(None))
    periods = call.session.scalars(open_periods).all()
    if len(periods) != 1:
        return
    for component in resource.offering.components:
        if component.type in TOTALS:
            row = _row_of_month(call, periods[0], component, call.now)
            _tell(call, row, getattr(resource.allocation, TOTALS[component.type]))


def _set_row(
    call: Call, period: PlanPeriod, component: Component, report: Report, booked_at: datetime
) -> None:
    row = _row_of_month(call, period, component, booked_at)
    _tell(call, row, report.amount)
    row.description = report.description
    row.recurring = report.recurring


def _tell(call: Call, row: ComponentUsage, amount: int) -> None:
    """Replace the row's amount, and keep that it was told."""
    row.usage = amount
    row.date = call.now
    call.session.add(UsageReport(component_usage=row, amount=amount, at=call.now))


def _row_of_month(
    call: Call, period: PlanPeriod, component: Component, booked_at: datetime
) -> ComponentUsage:
    """The one row of (resource, component, plan period, month): found, or new."""
    month = month_start(booked_at).date()
    row = call.session.scalar(
        select(ComponentUsage).where(
            ComponentUsage.resource_id == period.resource_id,
            ComponentUsage.component_id == component.id,
            ComponentUsage.plan_period_id == period.id,
            ComponentUsage.billing_period == month,
        )
    )
    if row is None:
        row = ComponentUsage(
            resource=period.resource,
            component=component,
            plan_period=period,
            billing_period=month,
            created=call.now,
        )
        call.session.add(row)
    return row
