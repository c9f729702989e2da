"""What became of each order: plain values that a report prints and a verdict counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allocations.marketplace import OrderItem
    from allocations.model import Change


class Result(Enum):
    """Where a run left an order."""

    DONE = "done"
    """Carried out on the cluster and in the marketplace."""
    ERRED = "erred"
    """Cannot be carried out; the marketplace shows why."""
    LEFT = "left for the next run"
    """Something outside did not answer; nothing is lost."""
    WAITING = "waiting"
    """The marketplace has not made the resource yet."""
    UNTOUCHED = "not carried out by this version"


@dataclass(slots=True)
class Outcome:
    """One order's fate, filled in while it is carried out."""

    order: OrderItem
    result: Result = Result.LEFT
    account: str = ""
    changes: tuple[Change, ...] = ()
    reason: str = ""
    """Why it is not done."""
    remarks: list[str] = field(default_factory=list)
    """What a person must look at although the order went on; the run is red."""
    notes: list[str] = field(default_factory=list)
    """What is worth knowing and no failure."""

    @property
    def is_failure(self) -> bool:
        """Whether a person should look: the run is red then."""
        return self.result in (Result.ERRED, Result.LEFT) or bool(self.remarks)


def verdict(outcomes: Sequence[Outcome], unreadable: Sequence[str] = ()) -> tuple[bool, str]:
    """Whether the run went well, and one sentence that says how it went."""
    well = not unreadable and not any(outcome.is_failure for outcome in outcomes)
    total = len(outcomes) + len(unreadable)
    if not total:
        return True, "no orders to carry out"
    counts = {result.value: sum(o.result is result for o in outcomes) for result in Result}
    counts["unreadable"] = len(unreadable)
    parts = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
    remarked = sum(bool(outcome.remarks) for outcome in outcomes)
    tail = f"; {remarked} with remarks" if remarked else ""
    return well, f"{total} {'order' if total == 1 else 'orders'}: {parts}{tail}"
