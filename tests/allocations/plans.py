"""Plans as tests read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from allocations.kinds import Kind
    from allocations.planning import Part, RunPlan


def texts(plan: RunPlan) -> list[str]:
    return [str(change) for change in plan.changes]


def part_of(plan: RunPlan, kind: Kind) -> Part:
    (part,) = [part for part in plan.parts if part.kind is kind]
    return part
