"""marketplace-resources: what came of the orders, who works in it, its plan periods, and changes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from sandbox.cloudrock import lifecycle
from sandbox.cloudrock.allocations import SHAPE as ALLOCATION
from sandbox.cloudrock.backend_ids import named
from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.checks import any_text, checked
from sandbox.cloudrock.clock import as_text, month_start
from sandbox.cloudrock.errors import ForbiddenError, RefusedError
from sandbox.cloudrock.filters import by_choice, by_moment, by_text, by_uuid, filtered, ordered
from sandbox.cloudrock.limits import NOT_SUPPORTED, wanted_limits
from sandbox.cloudrock.offering_fields import OFFERING_FIELDS
from sandbox.cloudrock.orders import has_open_item, order_change
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.rendering import Shape, constant
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import (
    Allocation,
    Customer,
    Offering,
    Plan,
    Project,
    ProjectRole,
    Resource,
    User,
)
from sandbox.cloudrock.usage_tables import ComponentUsage, PlanPeriod
from sandbox.cloudrock.usages import IN_PERIOD

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTES = Routes()
LIST = "marketplace-resources/"
ONE = "marketplace-resources/{uuid}/"
STATES = ("Creating", "OK", "Erred", "Updating", "Terminating", "Terminated")


def billed_by(billing_type: str) -> Callable[[Call, Resource], bool]:
    """Whether the offering bills anything this way."""
    return lambda _call, row: any(one.billing_type == billing_type for one in row.offering.components)


def _can_terminate(call: Call, row: Resource) -> bool:
    return row.state in {"OK", "Erred"} and not has_open_item(call, row)


SHAPE: Shape[Resource] = Shape(
    {
        **OFFERING_FIELDS,
        "created": lambda _, row: as_text(row.created),
        "modified": lambda _, row: as_text(row.modified),
        "url": lambda call, row: call.url("marketplace-resources", row.uuid),
        "scope": lambda call, row: call.url("slurm-allocations", row.allocation.uuid),
        "description": constant(""),
        "state": lambda _, row: row.state,
        "resource_uuid": lambda _, row: row.allocation.uuid,
        "backend_id": lambda _, row: row.backend_id,
        "effective_id": constant(""),
        "access_url": constant(""),
        "resource_type": constant("SLURM.Allocation"),
        "project": lambda call, row: call.url("projects", row.project.uuid),
        "project_uuid": lambda _, row: row.project.uuid,
        "project_name": lambda _, row: row.project.name,
        "project_description": lambda _, row: row.project.description,
        "customer_uuid": lambda _, row: row.project.customer.uuid,
        "customer_name": lambda _, row: row.project.customer.name,
        "backend_metadata": lambda _, row: row.backend_metadata,
        "is_usage_based": billed_by("usage"),
        "is_limit_based": constant(value=False),
        "name": lambda _, row: row.name,
        "current_usages": lambda _, row: row.current_usages,
        "can_terminate": _can_terminate,
        "report": constant(None),
        "end_date": constant(None),
        "username": constant(None),
        "limit_usage": constant(None),
    }
)
FILTERS = {
    "state": by_choice(STATES, Resource.state.in_),
    "offering_uuid": by_uuid(lambda uuid: Resource.offering.has(Offering.uuid == uuid)),
    "provider_uuid": by_uuid(
        lambda uuid: Resource.offering.has(Offering.customer.has(Customer.uuid == uuid))
    ),
    "project_uuid": by_uuid(lambda uuid: Resource.project.has(Project.uuid == uuid)),
    "customer_uuid": by_uuid(lambda uuid: Resource.project.has(Project.customer.has(Customer.uuid == uuid))),
    "backend_id": by_text(lambda text: Resource.backend_id == text),
    "name_exact": by_text(lambda text: Resource.name == text),
    "name": by_text(lambda text: Resource.name.icontains(text, autoescape=True)),
    "query": by_text(
        lambda text: or_(
            Resource.name.icontains(text, autoescape=True),
            Resource.uuid == text,
            Resource.backend_id == text,
            Resource.allocation.has(Allocation.uuid == text),
        )
    ),
    "created": by_moment(lambda moment: Resource.created >= moment),
    "modified": by_moment(lambda moment: Resource.modified >= moment),
}


@ROUTES.get(LIST)
def list_resources(call: Call) -> Reply:
    """The resources that the caller may see, terminated ones too."""
    query = filtered(call, select(Resource).where(call.roles.sees_resources()), FILTERS)
    query = ordered(
        call, query, {"name": Resource.name, "created": Resource.created, "state": Resource.state}
    )
    return page_reply(call, query.order_by(Resource.id), SHAPE, joinedload(Resource.project))


@ROUTES.get(ONE)
def get_resource(call: Call, uuid: str) -> Reply:
    """One resource."""
    return SHAPE.reply(call, seen(call, uuid))


@ROUTES.get(ONE + "details/")
def details(call: Call, uuid: str) -> Reply:
    """The allocation, for everybody who sees the resource: the provider's way to its state."""
    return ALLOCATION.reply(call, seen(call, uuid))


def seen(call: Call, uuid: str) -> Resource:
    """The resource, if the caller may see it."""
    return call.find(Resource, uuid, call.roles.sees_resources())


@ROUTES.get(ONE + "team/")
def team(call: Call, uuid: str) -> Reply:
    """The project's members, not the customer's owners; not paged."""
    resource = seen(call, uuid)
    if not call.roles.serves_offering(resource.offering):
        raise ForbiddenError
    roles = call.session.scalars(
        select(ProjectRole).join(User).where(ProjectRole.project == resource.project).order_by(ProjectRole.id)
    )
    return Reply([_member(call, role) for role in roles])


def _member(call: Call, role: ProjectRole) -> dict[str, object]:
    return {
        "url": call.url("users", role.user.uuid),
        "uuid": role.user.uuid,
        "username": role.user.username,
        "full_name": role.user.full_name,
        "email": role.user.email,
        "role": role.role,
        "permission": call.url("project-permissions", str(role.id)),
        "expiration_time": as_text(role.expiration_time),
    }


@ROUTES.post(ONE + "set_backend_id/")
def set_backend_id(call: Call, uuid: str) -> Reply:
    """Name the resource's account. Not unique; a body without the field breaks the real server."""
    resource = seen(call, uuid)
    if not (call.roles.serves_offering(resource.offering) or call.roles.approves_for(resource.project)):
        raise ForbiddenError
    return named(call, resource)


@ROUTES.get(ONE + "plan_periods/")
def plan_periods(call: Call, uuid: str) -> Reply:
    """Periods that are open or ended in this month, with the rows of this month; not paged."""
    resource = seen(call, uuid)
    month = month_start(call.now)
    periods = call.session.scalars(
        select(PlanPeriod)
        .where(PlanPeriod.resource == resource, or_(PlanPeriod.end.is_(None), PlanPeriod.end >= month))
        .order_by(PlanPeriod.id)
    )
    return Reply([_period(call, period) for period in periods])


def _period(call: Call, period: PlanPeriod) -> dict[str, object]:
    rows = call.session.scalars(
        select(ComponentUsage)
        .where(
            ComponentUsage.plan_period == period,
            ComponentUsage.billing_period == month_start(call.now).date(),
        )
        .order_by(ComponentUsage.id)
    )
    return {
        "uuid": period.uuid,
        "plan_name": period.plan.name,
        "plan_uuid": period.plan.uuid,
        "start": as_text(period.start),
        "end": as_text(period.end),
        "components": IN_PERIOD.all(call, rows),
    }


@ROUTES.post(ONE + "terminate/")
def terminate(call: Call, uuid: str) -> Reply:
    """Order the resource's end."""
    resource = seen(call, uuid)
    if not (call.roles.runs_project(resource.project) or call.roles.owns_offering(resource.offering)):
        raise ForbiddenError
    return order_change(call, resource, "Terminate")


@ROUTES.post(ONE + "switch_plan/")
def switch_plan(call: Call, uuid: str) -> Reply:
    """Order another plan of the same offering."""
    resource = _to_change(call, uuid)
    plan = _other_plan(call, resource)
    cost = lifecycle.cost_of(plan, resource.limits)
    return order_change(
        call, resource, "Update", plan=plan, old_plan=resource.plan, limits=dict(resource.limits), cost=cost
    )


def _other_plan(call: Call, resource: Resource) -> Plan:
    address = str(checked(call.body, {"plan": any_text()})["plan"])
    uuid = address.rstrip("/").rpartition("/")[2]
    plan = call.session.scalar(select(Plan).where(Plan.uuid == uuid, Plan.offering == resource.offering))
    if plan is None:
        raise RefusedError({"plan": ["Invalid hyperlink - Object does not exist."]})
    return plan


@ROUTES.post(ONE + "update_limits/")
def update_limits(call: Call, uuid: str) -> Reply:
    """Order other limits: not for this kind of offering, whoever asks, but at a later server."""
    resource = _to_change(call, uuid)
    if not call.switches.limits_orders:
        raise RefusedError({"limits": NOT_SUPPORTED})
    limits = wanted_limits(call, resource)
    return order_change(
        call,
        resource,
        "Update",
        plan=resource.plan,
        limits=limits,
        attributes={"old_limits": dict(resource.limits)},
        cost=lifecycle.cost_of(resource.plan, limits),
    )


def _to_change(call: Call, uuid: str) -> Resource:
    resource = seen(call, uuid)
    if not call.roles.runs_project(resource.project):
        raise ForbiddenError
    return resource
