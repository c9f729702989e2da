"""update_components: the whole set of an offering's components in one call, with its traps."""

from __future__ import annotations

from sqlalchemy import delete, select

from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.checks import any_text, boolean, checked_list, choice, integer, nullable, text
from sandbox.cloudrock.errors import ForbiddenError, RefusedError
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import Component, Offering, PlanPrice, Resource
from sandbox.cloudrock.usage_tables import ComponentUsage

ROUTES = Routes()
TYPE = r"[A-Za-z0-9_\-/:]+"
PERIODS = ("month", "annual", "total")
NUMBERS = ("limit_amount", "max_value", "min_value", "max_available_limit", "default_limit")
BILLING_TYPES = ("fixed", "usage", "one", "few", "limit")


@ROUTES.post("marketplace-provider-offerings/{uuid}/update_components/")
def update_components(call: Call, uuid: str) -> Reply:
    """Give the offering this whole set of components. What the body leaves out is reset, or removed."""
    offering = call.find(Offering, uuid, call.roles.sees_provider_offerings())
    if not call.roles.serves_offering(offering):
        raise ForbiddenError
    wanted = checked_list(
        call.body,
        {
            "billing_type": choice(*BILLING_TYPES),
            "type": text(50, pattern=TYPE),
            "name": text(150),
        },
        {
            "measured_unit": any_text(30),
            "description": any_text(500),
            "limit_period": nullable(choice(*PERIODS, "")),
            "article_code": any_text(30),
            "is_boolean": boolean,
            **dict.fromkeys(NUMBERS, nullable(integer())),
        },
    )
    _remove_missing(call, offering, {str(one["type"]) for one in wanted})
    existing = {one.type: one for one in offering.components}
    for fields in wanted:
        component = existing.get(str(fields["type"]))
        if component is None:
            component = Component(type=str(fields["type"]))
            offering.components.append(component)
            existing[component.type] = component
        _overwrite(component, fields)
    return Reply({"detail": "The components of offering have been updated"})


def _overwrite(component: Component, fields: dict[str, object]) -> None:
    """Every field: those left out go back to what a new component has."""
    defaults: dict[str, object] = {
        "description": "",
        "measured_unit": "",
        "limit_period": None,
        "limit_amount": None,
        "article_code": "",
        "max_value": None,
        "min_value": None,
        "max_available_limit": None,
        "is_boolean": False,
        "default_limit": None,
    }
    for name, value in {**defaults, **fields}.items():
        setattr(component, name, value)


def _remove_missing(call: Call, offering: Offering, kept: set[str]) -> None:
    """Remove what is not in the new set: everywhere in the installation, as the real server does."""
    missing = [one.type for one in offering.components if one.type not in kept]
    if not missing:
        return
    if (
        call.session.scalar(select(Resource.id).where(Resource.offering_id == offering.id).limit(1))
        is not None
    ):
        names = ", ".join(missing)
        raise RefusedError(
            {"components": f"These components cannot be removed because they are already used: {names}"}
        )
    doomed = call.session.scalars(select(Component.id).where(Component.type.in_(missing))).all()
    for table in (ComponentUsage, PlanPrice):
        call.session.execute(delete(table).where(table.component_id.in_(doomed)))
    call.session.execute(delete(Component).where(Component.id.in_(doomed)))
    call.session.expire_all()
