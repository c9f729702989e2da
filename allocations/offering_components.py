"""The offering's components beside the configured ones: what differs, and the whole set that mends it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.components import AccountingType
from allocations.marketplace import BillingType

if TYPE_CHECKING:
    from allocations.components import Component, Components
    from allocations.marketplace import Offering

BILLED_AS = {AccountingType.USAGE: BillingType.USAGE, AccountingType.LIMIT: BillingType.LIMIT}


@dataclass(frozen=True, slots=True)
class ComponentChange:
    """One field of one component that the offering has otherwise."""

    type: str
    field: str
    before: object
    after: object

    def __str__(self) -> str:
        if self.field == "type":
            return f"+ component {self.type}"
        return f"~ component {self.type}: {self.field} {self.before!r} -> {self.after!r}"


def configured_fields(component: Component) -> dict[str, object]:
    """What the components file decides about a component in the offering."""
    return {
        "name": component.label,
        "measured_unit": component.measured_unit,
        "billing_type": BILLED_AS[component.accounting_type].value,
    }


def changes_to(offering: Offering, components: Components) -> list[ComponentChange]:
    """What the file says otherwise than the offering; nothing about components that are not in the file."""
    known = {one.type: one for one in offering.components}
    changes = []
    for kind, component in components.items():
        wanted = configured_fields(component)
        if kind not in known:
            changes.append(ComponentChange(kind, "type", None, kind))
            continue
        held = known[kind].fields
        changes += [
            ComponentChange(kind, name, held.get(name), value)
            for name, value in wanted.items()
            if held.get(name) != value
        ]
    return changes


def whole_set(offering: Offering, components: Components) -> list[dict[str, object]]:
    """Every component that the offering has, with every field as it came, and the file's word over it."""
    known = {one.type for one in offering.components}
    kept: list[dict[str, object]] = [
        {**one.fields, **(configured_fields(components[one.type]) if one.type in components else {})}
        for one in offering.components
    ]
    new: list[dict[str, object]] = [
        {"type": kind, **configured_fields(component)}
        for kind, component in components.items()
        if kind not in known
    ]
    return kept + new


def lost_in(before: Offering, after: Offering, components: Components) -> list[str]:
    """What an update took away that it should have left: components, and fields that are not the file's."""
    now = {one.type: one.fields for one in after.components}
    lost = []
    for one in before.components:
        if one.type not in now:
            lost.append(f"component {one.type!r} is gone")
            continue
        ours = configured_fields(components[one.type]) if one.type in components else {}
        lost += [
            f"component {one.type!r}: {name} was {value!r} and is {now[one.type].get(name)!r}"
            for name, value in one.fields.items()
            if name not in ours and now[one.type].get(name) != value
        ]
    return lost


def fingerprint_of(components: Components) -> str:
    """The same as long as the file says the same about the offering's components; SHA-256 in hexadecimal."""
    lines = sorted(f"{kind} {sorted(configured_fields(one).items())}" for kind, one in components.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
