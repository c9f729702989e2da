"""Limits that a customer orders: refused as recorded, or checked as later versions of the marketplace do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cloudrock.checks import WrongError, integer
from sandbox.cloudrock.errors import RefusedError

if TYPE_CHECKING:
    from sandbox.cloudrock.call import Call
    from sandbox.cloudrock.checks import Check
    from sandbox.cloudrock.tables import Component, Offering, Resource

NOT_SUPPORTED = "Limits update is not supported for this resource."
LARGEST = 2**63 - 1
"""What the database holds."""


def ordered_limits(call: Call, offering: Offering, limits: object) -> dict[str, object]:
    """The limits of a Create order: none, or a later server's."""
    if not limits:
        return {}
    if not call.switches.limits_orders:
        raise WrongError({"limits": [NOT_SUPPORTED]})
    return _checked(offering, limits)


def wanted_limits(call: Call, resource: Resource) -> dict[str, object]:
    """The limits in the body of an order to change them: at least one."""
    limits = call.body.get("limits") if isinstance(call.body, dict) else None
    if not limits:
        raise RefusedError({"limits": ["This field is required."]})
    try:
        return _checked(resource.offering, limits)
    except WrongError as wrong:
        raise RefusedError(wrong.complaint) from None


def _checked(offering: Offering, limits: object) -> dict[str, object]:
    """Whole numbers for components that are billed by limit, each within what its component allows."""
    if not isinstance(limits, dict):
        kind = type(limits).__name__
        raise WrongError({"limits": [f'Expected a dictionary of items but got type "{kind}".']})
    known = {one.type: one for one in offering.components if one.billing_type == "limit"}
    strange = sorted(str(name) for name in set(limits) - set(known))
    if strange:
        raise WrongError({"limits": [f"Invalid types: {', '.join(strange)}"]})
    values: dict[str, object] = {}
    complaints: dict[str, object] = {}
    for name, value in limits.items():
        try:
            values[name] = _within(known[name])(value)
        except WrongError as wrong:
            complaints[name] = wrong.complaint
    if complaints:
        raise WrongError({"limits": complaints})
    return values


def _within(component: Component) -> Check:
    most = [one for one in (component.max_value, component.max_available_limit) if one is not None]
    return integer(max(component.min_value or 0, 0), min(most, default=LARGEST))
