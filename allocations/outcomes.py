"""What became of each part of a run's plan: plain values that a report prints and a verdict counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from allocations.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allocations.changes import Change
    from allocations.planning import Part


class Result(Enum):
    """Where a run left an order, or an allocation at rest."""

    DONE = "done"
    """Carried out on the cluster and in the marketplace."""
    ERRED = "erred"
    """Cannot be carried out; the marketplace shows why."""
    LEFT = "left for the next run"
    """Something outside did not answer; nothing is lost."""
    WAITING = "waiting"
    """For the marketplace to make the resource, or for jobs to end."""
    PLANNED = "planned"
    """A dry run: nothing was written."""
    ENDED = "ended by somebody else"
    """An order that was rejected or set erred while it was carried out; the reason says what it left."""
    REFUSED = "not applied"
    """An allocation at rest that cannot be kept up as it stands."""


AT_REST = {
    Kind.MEMBERS: "allocation",
    Kind.REPAIR: "account",
    Kind.LEFTOVERS: "project",
    Kind.ABANDONED: "Terminated resource",
}
"""The kinds of parts without an order, and what each is about."""
FAILURES = frozenset({Result.ERRED, Result.LEFT, Result.ENDED, Result.REFUSED})


@dataclass(slots=True)
class Outcome:
    """The fate of one part, filled in while it is carried out."""

    part: Part
    result: Result = Result.LEFT
    changes: tuple[Change, ...] = ()
    """Those that were applied."""
    reason: str = ""
    """Why it is not done."""
    remarks: list[str] = field(default_factory=list)
    """What a person must look at although it went on; the run is red."""
    notes: list[str] = field(default_factory=list)
    """What is worth knowing and no failure."""

    @property
    def is_failure(self) -> bool:
        """Whether a person should look: the run is red then."""
        return self.result in FAILURES or bool(self.remarks)

    @property
    def is_of_an_order(self) -> bool:
        """Whether a customer waits for it."""
        return self.part.order is not None


def verdict(
    outcomes: Sequence[Outcome], unreadable: Sequence[str] = (), notes: Sequence[str] = ()
) -> tuple[bool, str]:
    """Whether the run went well, and one sentence that says how it went."""
    well = not unreadable and not any(outcome.is_failure for outcome in outcomes)
    orders = [outcome for outcome in outcomes if outcome.is_of_an_order]
    rest = [outcome for outcome in outcomes if not outcome.is_of_an_order]
    parts = [counted(orders, unreadable) if orders or unreadable else "no orders to carry out"]
    for kind, noun in AT_REST.items():
        of_kind = [one for one in rest if one.part.kind is kind]
        if of_kind:
            parts.append(f"{kind.value} of {plural(len(of_kind), noun)}: {by_result(of_kind)}")
    return well, "; ".join([*parts, *notes])


def counted(orders: Sequence[Outcome], unreadable: Sequence[str]) -> str:
    """`3 orders: 2 done, 1 erred; 1 with remarks`."""
    results = by_result(orders)
    if unreadable:
        results = ", ".join(filter(None, (results, f"{len(unreadable)} unreadable")))
    remarked = sum(bool(outcome.remarks) for outcome in orders)
    tail = f"; {remarked} with remarks" if remarked else ""
    return f"{plural(len(orders) + len(unreadable), 'order')}: {results}{tail}"


def by_result(outcomes: Sequence[Outcome]) -> str:
    """`2 done, 1 erred`."""
    counts = {result: sum(one.result is result for one in outcomes) for result in Result}
    return ", ".join(f"{count} {result.value}" for result, count in counts.items() if count)


def plural(count: int, noun: str) -> str:
    """`1 order`, `2 orders`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
