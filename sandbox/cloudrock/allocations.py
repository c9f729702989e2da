"""slurm-allocations, slurm-associations, slurm-allocation-user-usage: the SLURM side, as it can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from sandbox.cloudrock.clock import as_text
from sandbox.cloudrock.errors import ForbiddenError, NotFoundError
from sandbox.cloudrock.filters import by_address, by_number, by_text, by_uuid, filtered
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.rendering import Shape, constant, or_absent
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import Allocation, Customer, Project, Resource, User
from sandbox.cloudrock.usage_tables import Association, UserUsage

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from sandbox.cloudrock.call import Call, Reply

ROUTES = Routes()
ONE = "slurm-allocations/{uuid}/"


def _address(call: Call, row: Association | UserUsage) -> str:
    return call.url("slurm-allocations", row.allocation.uuid)


SHAPE: Shape[Resource] = Shape(
    {
        "url": lambda call, row: call.url("slurm-allocations", row.allocation.uuid),
        "uuid": lambda _, row: row.allocation.uuid,
        "name": lambda _, row: row.name,
        "description": constant(""),
        "service_name": constant("SLURM remote service settings"),
        "service_settings": lambda call, row: call.url("service-settings", row.offering.settings_uuid),
        "service_settings_uuid": lambda _, row: row.offering.settings_uuid,
        "service_settings_state": constant("OK"),
        "service_settings_error_message": constant(""),
        "project": lambda call, row: call.url("projects", row.project.uuid),
        "project_name": lambda _, row: row.project.name,
        "project_uuid": lambda _, row: row.project.uuid,
        "customer": lambda call, row: call.url("customers", row.project.customer.uuid),
        "customer_name": lambda _, row: row.project.customer.name,
        "customer_native_name": constant(""),
        "customer_abbreviation": lambda _, row: row.project.customer.abbreviation,
        "error_message": constant(""),
        "error_traceback": constant(""),
        "resource_type": constant("SLURM.Allocation"),
        "state": lambda _, row: row.allocation.state,
        "created": lambda _, row: as_text(row.allocation.created),
        "modified": lambda _, row: as_text(row.allocation.modified),
        "backend_id": lambda _, row: row.allocation.backend_id,
        "access_url": constant(None),
        "cpu_limit": constant(0),
        "cpu_usage": lambda _, row: row.allocation.cpu_usage,
        "gpu_limit": constant(0),
        "gpu_usage": lambda _, row: row.allocation.gpu_usage,
        "ram_limit": constant(0),
        "ram_usage": lambda _, row: row.allocation.ram_usage,
        "username": constant(None),
        "gateway": constant(None),
        "is_active": constant(value=True),
        "marketplace_offering_uuid": lambda _, row: row.offering.uuid,
        "marketplace_offering_name": lambda _, row: row.offering.name,
        "marketplace_category_uuid": lambda _, row: row.offering.category_uuid,
        "marketplace_category_name": lambda _, row: row.offering.category_title,
        "marketplace_resource_uuid": lambda _, row: row.uuid,
        "marketplace_plan_uuid": lambda _, row: row.plan.uuid if row.plan else None,
        "marketplace_resource_state": lambda _, row: row.state,
        "is_usage_based": lambda _, row: any(one.billing_type == "usage" for one in row.offering.components),
        "is_limit_based": constant(value=False),
    }
)
ASSOCIATION: Shape[Association] = Shape(
    {"uuid": lambda _, row: row.uuid, "username": lambda _, row: row.username, "allocation": _address},
    obeys_field=False,
)
USER_USAGE: Shape[UserUsage] = Shape(
    {
        "cpu_usage": lambda _, row: row.cpu_usage,
        "ram_usage": lambda _, row: row.ram_usage,
        "gpu_usage": lambda _, row: row.gpu_usage,
        "month": lambda _, row: row.month,
        "year": lambda _, row: row.year,
        "allocation": _address,
        "user": lambda call, row: call.url("users", row.user.uuid) if row.user else None,
        "username": lambda _, row: row.username,
        "full_name": lambda _, row: or_absent(row.user and row.user.full_name),
    },
    obeys_field=False,
)


def _ids_of(uuid: str) -> Select[tuple[int]]:
    return select(Allocation.id).where(Allocation.uuid == uuid)


ALLOCATION_FILTERS = {
    "name_exact": by_text(lambda text: Resource.name == text),
    "name": by_text(lambda text: Resource.name.icontains(text, autoescape=True)),
    "backend_id": by_text(lambda text: Resource.allocation.has(Allocation.backend_id == text)),
    "project_uuid": by_uuid(lambda uuid: Resource.project.has(Project.uuid == uuid)),
    "customer_uuid": by_uuid(lambda uuid: Resource.project.has(Project.customer.has(Customer.uuid == uuid))),
}
ASSOCIATION_FILTERS = {
    "allocation_uuid": by_uuid(lambda uuid: Association.allocation_id.in_(_ids_of(uuid))),
    "allocation": by_address(lambda uuid: Association.allocation_id.in_(_ids_of(uuid))),
}
USER_USAGE_FILTERS = {
    "allocation_uuid": by_uuid(lambda uuid: UserUsage.allocation_id.in_(_ids_of(uuid))),
    "allocation": by_address(lambda uuid: UserUsage.allocation_id.in_(_ids_of(uuid))),
    "user": by_address(lambda uuid: UserUsage.user.has(User.uuid == uuid)),
    "user_uuid": by_uuid(lambda uuid: UserUsage.user.has(User.uuid == uuid)),
    "month": by_number(lambda number: UserUsage.month == number),
    "year": by_number(lambda number: UserUsage.year == number),
}


@ROUTES.get("slurm-allocations/")
def list_allocations(call: Call) -> Reply:
    """Those of the caller's own projects: none for a provider."""
    query = filtered(call, select(Resource).where(call.roles.sees_allocations()), ALLOCATION_FILTERS)
    return page_reply(call, query.order_by(Resource.id), SHAPE)


@ROUTES.get(ONE)
def get_allocation(call: Call, uuid: str) -> Reply:
    """One allocation: 404 for the provider, whose way is the resource's details."""
    return SHAPE.reply(call, _seen(call, uuid))


@ROUTES.delete(ONE)
def delete_allocation(call: Call, uuid: str) -> Reply:
    """Allocations end by orders, not by hand."""
    _seen(call, uuid)
    raise ForbiddenError


def _seen(call: Call, uuid: str) -> Resource:
    allocation = call.find(Allocation, uuid)
    condition: ColumnElement[bool] = Resource.allocation_id == allocation.id
    resource = call.session.scalar(select(Resource).where(condition, call.roles.sees_allocations()))
    if resource is None:
        raise NotFoundError
    return resource


@ROUTES.get("slurm-associations/")
def list_associations(call: Call) -> Reply:
    """For every user of the marketplace, of all allocations, unless the filter says which."""
    query = filtered(call, select(Association), ASSOCIATION_FILTERS)
    query = query.order_by(Association.username, Association.id)
    return page_reply(call, query, ASSOCIATION, joinedload(Association.allocation))


@ROUTES.get("slurm-associations/{uuid}/")
def get_association(call: Call, uuid: str) -> Reply:
    """One association."""
    return ASSOCIATION.reply(call, call.find(Association, uuid))


@ROUTES.get("slurm-allocation-user-usage/")
def list_user_usage(call: Call) -> Reply:
    """Usage per user and month. The client asks at another path, which does not exist."""
    query = filtered(call, select(UserUsage), USER_USAGE_FILTERS)
    query = query.order_by(UserUsage.year, UserUsage.month, UserUsage.id)
    return page_reply(call, query, USER_USAGE, joinedload(UserUsage.allocation), joinedload(UserUsage.user))
