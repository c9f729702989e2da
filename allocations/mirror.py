"""What the marketplace shows of an allocation on the cluster: its limits and its users, as SLURM has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.limits import as_shown
from allocations.marketplace import BillingType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from allocations.components import Components
    from allocations.marketplace import Offering
    from allocations.model import Limits


def limits_to_show(
    shown: Mapping[str, int], on_cluster: Limits, components: Components, offering: Offering
) -> dict[str, int] | None:
    """The resource's limits as they should be in the marketplace, in measured units; None: they are right.

    Only components that the offering bills by limit: any other among a resource's limits makes its next
    Update order fail for ever (contract 3.2), so it is left out also where it was put by somebody else. A
    component without a limit on the cluster has none here. A limit that sacctmgr shows as it shows the
    marketplace's stays what it is: sacctmgr's number may be less exact.

    Args:
        shown: component type to limit, as the marketplace has it.
        on_cluster: TRES to minutes, as sacctmgr has it.
        components: ours.
        offering: with its components, ours or not.
    """
    limited = {one.type for one in offering.components if one.billing_type is BillingType.LIMIT}
    wanted: dict[str, int] = {}
    for kind in sorted(limited):
        if kind not in components:
            if kind in shown:
                wanted[kind] = shown[kind]
        elif kind in on_cluster:
            wanted[kind] = _in_units(kind, on_cluster[kind], components[kind].unit_factor, shown.get(kind))
    return None if wanted == dict(shown) else wanted


def _in_units(kind: str, minutes: int, unit_factor: int, shown: int | None) -> int:
    """Measured units of so many minutes, rounded half up, unless they look like what is shown already."""
    if shown is not None and as_shown(kind, shown * unit_factor) == as_shown(kind, minutes):
        return shown
    return (2 * minutes + unit_factor) // (2 * unit_factor)


def users_to_change(on_cluster: Collection[str], associated: Collection[str]) -> tuple[list[str], list[str]]:
    """Who must be associated with the allocation in the marketplace, and who no longer."""
    return sorted(set(on_cluster) - set(associated)), sorted(set(associated) - set(on_cluster))
