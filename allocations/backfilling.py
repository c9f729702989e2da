"""One past month again: what it should hold, what it holds, and what of that can still be told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from allocations.accounts import AccountName
from allocations.billing import BillingPeriod, UsageReport
from allocations.carry import carried_in
from allocations.errors import InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allocations.marketplace import ComponentUsage, PlanPeriod, Resource

MOST_MONTHS = 60
RANGE = ".."


class Result(Enum):
    """What became of one number of a past month."""

    RIGHT = "right already"
    CARRIED = "the next month holds the rest"
    SET = "set"
    WOULD_SET = "would be set"
    NOT_BOOKABLE = "cannot be booked"
    HELD_BACK = "held back"
    FAILED = "failed"
    NOT_TRIED = "not tried"
    UNPROVEN = "sent, not read back"

    @property
    def is_well(self) -> bool:
        """Whether the marketplace holds what was counted, or would."""
        return self in (Result.RIGHT, Result.CARRIED, Result.SET, Result.WOULD_SET)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthLine:
    """One number of one resource in a past month."""

    period: str
    account: str
    resource_uuid: str
    resource_name: str
    user: str = ""
    """Whose; empty for the allocation's billed amount."""
    component: str
    tres_seconds: int | None = None
    """What was counted, exactly; None for a user's share."""
    counted: int
    """What the marketplace should hold, in measured units."""
    before: int | None
    """What it held; None where it held nothing, which is not zero."""
    after: int | None
    """What it holds after the backfill."""
    result: Result


def parse_range(text: str) -> tuple[BillingPeriod, ...]:
    """`2026-09`, or `2026-09..2026-11` with both ends in it, first to last.

    Raises:
        InvalidPeriod: anything else, an empty range, or more than 60 months.
    """
    first, dots, last = text.partition(RANGE)
    begin = BillingPeriod.parse(first)
    end = BillingPeriod.parse(last) if dots else begin
    count = (end.year - begin.year) * 12 + end.month - begin.month + 1
    if not 1 <= count <= MOST_MONTHS:
        raise InvalidPeriod(
            f"period {text!r}: expected a month as YYYY-MM, or a first and a last one as YYYY-MM..YYYY-MM, "
            f"at most {MOST_MONTHS} months"
        )
    months = [begin]
    while months[-1] < end:
        months.append(months[-1].next)
    return tuple(months)


def chosen(resources: Iterable[Resource], allocation: str | None) -> list[Resource]:
    """The resources that an operator means by an account's name or a resource's uuid; all for None."""
    return [one for one in resources if allocation in (None, one.account, one.uuid)]


def claimed_once(resources: Sequence[Resource]) -> tuple[list[tuple[Resource, AccountName]], list[str]]:
    """Each resource with its account, also of accounts that the cluster has no longer; and the problems.

    slurmdbd keeps the records of accounts that were deleted, so a past month is counted for them as well.
    """
    claims = Counter(resource.account for resource in resources if resource.account)
    good = [(one, AccountName(one.account)) for one in resources if one.account and claims[one.account] == 1]
    problems = [
        f"resource {one.uuid} ({one.name!r}) records the account {one.account!r}, and so does another: "
        "neither is told"
        for one in resources
        if one.account and claims[one.account] > 1
    ]
    return good, problems


def due_totals(
    counted: Mapping[str, int], rows: Iterable[ComponentUsage], next_rows: Iterable[ComponentUsage]
) -> dict[str, int]:
    """Component type to what a month's rows should hold together, given what other months' rows do for it.

    That is what was used, and what the month carries for the one before, less what the next one carries for
    it already: else it would be billed twice.
    """
    carries, is_carried = _carried(rows), _carried(next_rows)
    return {kind: max(0, amount + carries[kind] - is_carried[kind]) for kind, amount in counted.items()}


def _carried(rows: Iterable[ComponentUsage]) -> Counter[str]:
    carried: Counter[str] = Counter()
    for row in rows:
        carried[row.type] += carried_in(row.description) or 0
    return carried


def held_in(rows: Iterable[ComponentUsage]) -> dict[str, int]:
    """Component type to the amount of a resource's rows together; absent where there is no row."""
    held: Counter[str] = Counter()
    for row in rows:
        held[row.type] += row.amount
    return dict(held)


def period_of_month(periods: Iterable[PlanPeriod], month: BillingPeriod) -> PlanPeriod | None:
    """The one listed plan period that the month's usage can go to; None: none, or it is not certain."""
    candidates = [
        one
        for one in periods
        if one.start is not None and one.start < month.end and (one.end is None or one.end > month.start)
    ]
    return candidates[0] if len(candidates) == 1 else None


def moment_in(month: BillingPeriod, period: PlanPeriod) -> datetime:
    """A moment that lies in the month in every time zone, and in the plan period."""
    middle = month.start + timedelta(days=14, hours=12)
    return max(middle, period.start or middle)


def dated_report(
    totals: Mapping[str, int], rows: Sequence[ComponentUsage], period: PlanPeriod
) -> UsageReport | None:
    """What the plan period should hold of a past month; None: what an ended one holds is more than the total.

    A row that was made before the plan period began belongs to another one, which ended and keeps it.
    """
    elsewhere = Counter[str]()
    words: dict[str, str] = {}
    for row in rows:
        if row.created is not None and period.start is not None and row.created < period.start:
            elsewhere[row.type] += row.amount
        elif row.description:
            words[row.type] = row.description
    amounts = {kind: total - elsewhere[kind] for kind, total in totals.items()}
    if any(amount < 0 for amount in amounts.values()):
        return None
    return UsageReport(period.uuid, amounts, {kind: words[kind] for kind in amounts if kind in words})


def settled(line: MonthLine, after: int | None, *, dry_run: bool) -> MonthLine:
    """The line once everything was read back."""
    if dry_run or line.result not in (Result.SET, Result.RIGHT):
        return replace(line, after=after)
    right = (after or 0) == line.counted if line.result is Result.RIGHT else after == line.counted
    return replace(line, after=after, result=line.result if right else Result.FAILED)


def unproven(line: MonthLine) -> MonthLine:
    """The line when nothing could be read back: what was sent may be there or not."""
    return replace(line, result=Result.UNPROVEN) if line.result is Result.SET else line


def verdict_on(period: BillingPeriod, lines: Sequence[MonthLine], *, dry_run: bool) -> tuple[bool, str]:
    """Whether the marketplace holds the month now, and one sentence about it."""
    parts = []
    for what, some in (
        ("billed amounts", [line for line in lines if not line.user]),
        ("users' shares", [line for line in lines if line.user]),
    ):
        counts = Counter(line.result for line in some)
        said = ", ".join(f"{counts[result]} {result.value}" for result in Result if counts[result])
        parts.append(f"{what}: {said or 'none'}")
    well = all(line.result.is_well for line in lines)
    return well, f"{period}{' (dry run)' if dry_run else ''}: {'; '.join(parts)}"
