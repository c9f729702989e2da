"""What a closed month still lacks, and how it is added to the next month's amount: visibly, and once.

The memory of it lives in the marketplace, in the description of the very row that holds the amount, so that
neither a lost store nor a second run can add it twice: amounts are absolute, and the row says which part of
it belongs to the month before.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.billing import BillingPeriod
    from allocations.marketplace import ComponentUsage

Amounts = dict[str, dict[str, int]]
"""Resource uuid to component type to amount."""

MARK = re.compile(r"(\d+) carried over from (\d{4}-\d{2})")


def carry_text(own: int, carried: int, period: BillingPeriod) -> str:
    """The description of a row: which part is the month's own."""
    return f"{own} of {period}, {carried} carried over from {period.previous}"


def carried_in(description: str) -> int | None:
    """The part of a row's amount that an earlier month is owed; None where the row says nothing of it."""
    found = MARK.search(description)
    return int(found[1]) if found else None


def own_amounts(rows: Iterable[ComponentUsage]) -> Amounts:
    """What the rows of a month hold of that month itself, over all plan periods."""
    own: dict[str, Counter[str]] = {}
    for row in rows:
        own.setdefault(row.resource_uuid, Counter())[row.type] += row.amount - (
            carried_in(row.description) or 0
        )
    return {uuid: dict(amounts) for uuid, amounts in own.items()}


def carried_amounts(rows: Iterable[ComponentUsage]) -> Amounts:
    """What the rows of a month hold of the month before; only what says so, be it 0."""
    carried: dict[str, Counter[str]] = {}
    for row in rows:
        amount = carried_in(row.description)
        if amount is not None:
            carried.setdefault(row.resource_uuid, Counter())[row.type] += amount
    return {uuid: dict(amounts) for uuid, amounts in carried.items()}


def lacking(due: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    """Component type to what a closed month holds less than it should; what it holds too much is not ours.

    Giving back is for a person: records that slurmdbd has purged would look like usage to be given back.
    """
    return {kind: max(0, amount - own.get(kind, 0)) for kind, amount in due.items()}
