"""Users, customers, projects, FreeIPA profiles: who there is, as far as the caller may know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, true

from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.clock import as_text
from sandbox.cloudrock.errors import ApiError
from sandbox.cloudrock.filters import by_text, by_uuid, filtered
from sandbox.cloudrock.paging import page_reply
from sandbox.cloudrock.rendering import ABSENT, Shape, constant
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import (
    Customer,
    CustomerRole,
    FreeIpaProfile,
    Offering,
    Project,
    ProjectRole,
    Resource,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement

ROUTES = Routes()


def _customer_roles(call: Call, user: User) -> list[dict[str, object]]:
    roles = call.session.scalars(
        select(CustomerRole).where(CustomerRole.user_id == user.id).order_by(CustomerRole.id)
    )
    return [
        {
            "url": call.url("customer-permissions", str(role.id)),
            "pk": role.id,
            "role": role.role,
            "customer": call.url("customers", role.customer.uuid),
            "customer_uuid": role.customer.uuid,
            "customer_name": role.customer.name,
            "customer_native_name": "",
            "customer_abbreviation": role.customer.abbreviation,
        }
        for role in roles
    ]


def _project_roles(call: Call, user: User) -> list[dict[str, object]]:
    roles = call.session.scalars(
        select(ProjectRole).where(ProjectRole.user_id == user.id).order_by(ProjectRole.id)
    )
    return [
        {
            "url": call.url("project-permissions", str(role.id)),
            "pk": role.id,
            "role": role.role,
            "project_uuid": role.project.uuid,
            "project_name": role.project.name,
            "customer_name": role.project.customer.name,
        }
        for role in roles
    ]


def _active_resources(call: Call, row: Project) -> dict[str, int]:
    """How many resources are in use, by category."""
    query = (
        select(Offering.category_uuid, func.count(Resource.id))
        .join(Resource, Resource.offering_id == Offering.id)
        .where(Resource.project_id == row.id, Resource.state.in_(("OK", "Updating")))
        .group_by(Offering.category_uuid)
    )
    return {category: count for category, count in call.session.execute(query)}  # noqa: C416 - rows, not pairs


def own(field: Callable[[User], object]) -> Callable[[Call, User], object]:
    """A field that only the user himself sees."""
    return lambda call, user: field(user) if call.user.id == user.id else ABSENT


USER: Shape[User] = Shape(
    {
        "url": lambda call, user: call.url("users", user.uuid),
        "uuid": lambda _, user: user.uuid,
        "username": lambda _, user: user.username,
        "full_name": lambda _, user: user.full_name,
        "native_name": constant(""),
        "job_title": constant(""),
        "email": lambda _, user: user.email,
        "phone_number": constant(""),
        "organization": constant(""),
        "civil_number": constant(None),
        "token": own(lambda user: user.token),
        "token_lifetime": own(lambda user: user.token_lifetime),
        "registration_method": constant("default"),
        "date_joined": lambda _, user: as_text(user.created),
        "agreement_date": constant(None),
        "preferred_language": constant(""),
        "competence": constant(""),
        "customer_permissions": _customer_roles,
        "project_permissions": _project_roles,
        "requested_email": constant(None),
        "affiliations": constant([]),
        "first_name": lambda _, user: user.full_name.partition(" ")[0],
        "last_name": lambda _, user: user.full_name.partition(" ")[2],
        "identity_provider_name": constant("Local DB"),
        "identity_provider_label": constant("Local DB"),
        "identity_provider_management_url": constant(""),
        "identity_provider_fields": constant([]),
        "image": constant(None),
    }
)
CUSTOMER: Shape[Customer] = Shape(
    {
        "url": lambda call, row: call.url("customers", row.uuid),
        "uuid": lambda _, row: row.uuid,
        "created": lambda _, row: as_text(row.created),
        "name": lambda _, row: row.name,
        "native_name": constant(""),
        "abbreviation": lambda _, row: row.abbreviation,
        "backend_id": constant(""),
    }
)
PROJECT: Shape[Project] = Shape(
    {
        "url": lambda call, row: call.url("projects", row.uuid),
        "uuid": lambda _, row: row.uuid,
        "name": lambda _, row: row.name,
        "customer": lambda call, row: call.url("customers", row.customer.uuid),
        "customer_uuid": lambda _, row: row.customer.uuid,
        "customer_name": lambda _, row: row.customer.name,
        "customer_native_name": constant(""),
        "customer_abbreviation": lambda _, row: row.customer.abbreviation,
        "description": lambda _, row: row.description,
        "created": lambda _, row: as_text(row.created),
        "type": constant(None),
        "backend_id": constant(""),
        "end_date": constant(None),
        "oecd_fos_2007_code": constant(None),
        "is_industry": constant(value=False),
        "image": constant(None),
        "marketplace_resource_count": _active_resources,
        "billing_price_estimate": constant({"total": 0.0, "current": 0, "tax": 0, "tax_current": 0}),
    }
)
PROFILE: Shape[FreeIpaProfile] = Shape(
    {
        "uuid": lambda _, row: row.uuid,
        "username": lambda _, row: row.username,
        "agreement_date": lambda _, row: as_text(row.created),
        "is_active": lambda _, row: row.is_active,
        "user_uuid": lambda _, row: row.user.uuid,
        "user_username": lambda _, row: row.user.username,
        "user_full_name": lambda _, row: row.user.full_name,
    },
    obeys_field=False,
)
USER_FILTERS = {
    "username": by_text(lambda text: User.username == text),
    "email": by_text(lambda text: User.email == text),
    "full_name": by_text(lambda text: User.full_name.icontains(text, autoescape=True)),
}
CUSTOMER_FILTERS = {
    "name_exact": by_text(lambda text: Customer.name == text),
    "name": by_text(lambda text: Customer.name.icontains(text, autoescape=True)),
}
PROJECT_FILTERS = {
    "name_exact": by_text(lambda text: Project.name == text),
    "name": by_text(lambda text: Project.name.icontains(text, autoescape=True)),
    "customer": by_uuid(lambda uuid: Project.customer.has(Customer.uuid == uuid)),
}


def _seen_users(call: Call) -> ColumnElement[bool]:
    """Oneself, and those who share a customer or a project with the caller."""
    if call.roles.sees_everything:
        return true()
    customers = call.roles.owned | call.roles.managed
    in_projects = select(ProjectRole.user_id).join(Project).where(call.roles.sees_projects())
    in_customers = select(CustomerRole.user_id).where(CustomerRole.customer_id.in_(customers))
    return or_(User.id == call.user.id, User.id.in_(in_projects), User.id.in_(in_customers))


def _seen_customers(call: Call) -> ColumnElement[bool]:
    if call.roles.sees_everything:
        return true()
    of_projects = select(Project.customer_id).where(call.roles.sees_projects())
    return or_(Customer.id.in_(call.roles.owned | call.roles.managed), Customer.id.in_(of_projects))


@ROUTES.get("users/")
def list_users(call: Call) -> Reply:
    """Users, by name."""
    query = filtered(call, select(User).where(_seen_users(call)), USER_FILTERS)
    return page_reply(call, query.order_by(User.username), USER)


@ROUTES.get("users/me/")
def get_me(call: Call) -> Reply:
    """The caller, with his token."""
    return USER.reply(call, call.user)


@ROUTES.get("users/{uuid}/")
def get_user(call: Call, uuid: str) -> Reply:
    """One user."""
    return USER.reply(call, call.find(User, uuid, _seen_users(call)))


@ROUTES.get("customers/")
def list_customers(call: Call) -> Reply:
    """Organisations, by name."""
    query = filtered(call, select(Customer).where(_seen_customers(call)), CUSTOMER_FILTERS)
    return page_reply(call, query.order_by(Customer.name, Customer.id), CUSTOMER)


@ROUTES.get("customers/{uuid}/")
def get_customer(call: Call, uuid: str) -> Reply:
    """One organisation."""
    return CUSTOMER.reply(call, call.find(Customer, uuid, _seen_customers(call)))


@ROUTES.get("projects/")
def list_projects(call: Call) -> Reply:
    """Projects, by name."""
    query = filtered(call, select(Project).where(call.roles.sees_projects()), PROJECT_FILTERS)
    return page_reply(call, query.order_by(Project.name, Project.id), PROJECT)


@ROUTES.get("projects/{uuid}/")
def get_project(call: Call, uuid: str) -> Reply:
    """One project."""
    return PROJECT.reply(call, call.find(Project, uuid, call.roles.sees_projects()))


@ROUTES.get("freeipa-profiles/")
def list_profiles(call: Call) -> Reply:
    """All profiles for staff, and for everybody else only his own."""
    if not call.switches.freeipa:
        raise ApiError(424, {"detail": "Extension is disabled."})
    seen = true() if call.user.is_staff else FreeIpaProfile.user_id == call.user.id
    filters = {"user": by_uuid(lambda uuid: FreeIpaProfile.user.has(User.uuid == uuid))}
    query = filtered(call, select(FreeIpaProfile).where(seen), filters)
    return page_reply(call, query.order_by(FreeIpaProfile.username, FreeIpaProfile.id), PROFILE)


@ROUTES.get("version/")
def version(_call: Call) -> Reply:
    """A server built from source does not know its version."""
    return Reply({"version": "unknown"})
