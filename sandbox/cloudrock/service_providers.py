"""The provider's view of its users: offering users, and who works in the projects that it serves."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import joinedload

from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.checks import any_text, checked, text
from sandbox.cloudrock.clock import as_text
from sandbox.cloudrock.errors import ForbiddenError, NotFoundError, RefusedError
from sandbox.cloudrock.filters import by_uuid, filtered
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.people import USER
from sandbox.cloudrock.rendering import Shape, constant
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import Customer, Offering, Project, ProjectRole, Resource, ServiceProvider, User
from sandbox.cloudrock.usage_tables import OfferingUser

ROUTES = Routes()
USERS = "marketplace-offering-users/"
LIST = "marketplace-service-providers/"
ONE = LIST + "{uuid}/"

OFFERING_USER: Shape[OfferingUser] = Shape(
    {
        "user": lambda call, row: call.url("users", row.user.uuid),
        "offering": lambda call, row: call.url("marketplace-provider-offerings", row.offering.uuid),
        "username": lambda _, row: row.username,
        "offering_uuid": lambda _, row: row.offering.uuid,
        "offering_name": lambda _, row: row.offering.name,
        "user_uuid": lambda _, row: row.user.uuid,
        "user_username": lambda _, row: row.user.username,
        "created": lambda _, row: as_text(row.created),
        "modified": lambda _, row: as_text(row.modified),
    },
    obeys_field=False,
)
FILTERS = {
    "offering_uuid": by_uuid(lambda uuid: OfferingUser.offering.has(Offering.uuid == uuid)),
    "user_uuid": by_uuid(lambda uuid: OfferingUser.user.has(User.uuid == uuid)),
}


def _active_resources(call: Call, row: ProjectRole) -> int:
    counts = call.session.info.get(_active_resources)
    if counts is None:
        query = select(Resource.project_id, func.count(Resource.id)).group_by(Resource.project_id)
        rows = call.session.execute(query.where(Resource.state.in_(("OK", "Updating")))).tuples()
        counts = call.session.info[_active_resources] = dict(rows.all())
    return int(counts.get(row.project_id, 0))


PROJECT_ROLE: Shape[ProjectRole] = Shape(
    {
        "url": lambda call, row: call.url("project-permissions-log", str(row.id)),
        "pk": lambda _, row: row.id,
        "role": lambda _, row: row.role,
        "created": lambda _, row: as_text(row.created),
        "expiration_time": lambda _, row: as_text(row.expiration_time),
        "created_by": constant(None),
        "project": lambda call, row: call.url("projects", row.project.uuid),
        "project_uuid": lambda _, row: row.project.uuid,
        "project_name": lambda _, row: row.project.name,
        "project_created": lambda _, row: as_text(row.project.created),
        "project_resources_count": _active_resources,
        "project_end_date": constant(None),
        "customer_uuid": lambda _, row: row.project.customer.uuid,
        "customer_name": lambda _, row: row.project.customer.name,
        "user": lambda call, row: call.url("users", row.user.uuid),
        "user_full_name": lambda _, row: row.user.full_name,
        "user_native_name": constant(""),
        "user_username": lambda _, row: row.user.username,
        "user_uuid": lambda _, row: row.user.uuid,
        "user_email": lambda _, row: row.user.email,
    }
)


PROVIDER: Shape[ServiceProvider] = Shape(
    {
        "url": lambda call, row: call.url("marketplace-service-providers", row.uuid),
        "uuid": lambda _, row: row.uuid,
        "created": lambda _, row: as_text(row.created),
        "customer": lambda call, row: call.url("customers", row.customer.uuid),
        "customer_uuid": lambda _, row: row.customer.uuid,
        "customer_name": lambda _, row: row.customer.name,
        "description": constant(""),
    }
)
PROVIDER_FILTERS = {
    "customer_uuid": by_uuid(lambda uuid: ServiceProvider.customer.has(Customer.uuid == uuid)),
}


@ROUTES.get(LIST)
def list_providers(call: Call) -> Reply:
    """The organisations that offer something: everybody may read them. Not in the recording."""
    query = filtered(call, select(ServiceProvider), PROVIDER_FILTERS)
    return page_reply(call, query.order_by(ServiceProvider.id), PROVIDER)


@ROUTES.get(USERS)
def list_offering_users(call: Call) -> Reply:
    """The names that the provider gave; associations make none."""
    seen: ColumnElement[bool] = true()
    if not call.roles.sees_everything:
        mine = select(Offering.id).where(call.roles.sees_provider_offerings())
        seen = OfferingUser.offering_id.in_(mine) | (OfferingUser.user_id == call.user.id)
    query = filtered(call, select(OfferingUser).where(seen), FILTERS)
    users = joinedload(OfferingUser.user)
    return page_reply(call, query.order_by(OfferingUser.id), OFFERING_USER, users)


@ROUTES.post(USERS)
def create_offering_user(call: Call) -> Reply:
    """Not for this kind of offering."""
    checked(call.body, {"offering": text(), "user": text()}, {"username": any_text()})
    raise RefusedError(["It is not allowed to create users for current offering."])


def _provider(call: Call, uuid: str) -> ServiceProvider:
    provider = call.find(ServiceProvider, uuid)
    ours = call.roles.owned | call.roles.managed
    if not (call.roles.sees_everything or provider.customer_id in ours):
        raise NotFoundError
    return provider


@ROUTES.post(ONE + "set_offerings_username/")
def set_offerings_username(call: Call, uuid: str) -> Reply:
    """Give a user one name in all of the provider's offerings."""
    provider = _provider(call, uuid)
    if not (call.user.is_staff or provider.customer_id in call.roles.owned):
        raise ForbiddenError
    body = checked(call.body, {"user_uuid": text(), "username": text()})
    user = call.session.scalar(select(User).where(User.uuid == str(body["user_uuid"])))
    if user is None:
        raise RefusedError({"user_uuid": ["User does not exist."]})
    for offering in call.session.scalars(
        select(Offering).where(Offering.customer_id == provider.customer_id)
    ):
        row = call.session.scalar(select(OfferingUser).filter_by(offering_id=offering.id, user_id=user.id))
        if row is None:
            row = OfferingUser(offering=offering, user=user, created=call.now)
            call.session.add(row)
        row.username = str(body["username"])
        row.modified = call.now
    return Reply({"detail": "Offering users have been set."}, 201)


@ROUTES.get(ONE + "users/")
def list_users(call: Call, uuid: str) -> Reply:
    """Who works in the projects that have something of the provider."""
    provider = _provider(call, uuid)
    query = select(User).where(User.id.in_(_roles(provider).with_only_columns(ProjectRole.user_id)))
    return page_reply(call, query.order_by(User.username), USER)


@ROUTES.get(ONE + "project_permissions/")
def list_project_roles(call: Call, uuid: str) -> Reply:
    """The same, with the parts that they play; the newest first."""
    query = _roles(_provider(call, uuid)).order_by(ProjectRole.id.desc())
    return page_reply(
        call, query, PROJECT_ROLE, joinedload(ProjectRole.project), joinedload(ProjectRole.user)
    )


def _roles(provider: ServiceProvider) -> Select[tuple[ProjectRole]]:
    served = (
        select(Project.id).join(Resource).join(Offering).where(Offering.customer_id == provider.customer_id)
    )
    return select(ProjectRole).where(ProjectRole.project_id.in_(served))
