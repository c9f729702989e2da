"""The gate: accounts whose count does not agree with slurmdbd's own books do not reach the marketplace.

The rules are `allocations.reconcile`; here they get what they compare, and SYNC_RECONCILE decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.reconcile import Reconcile, Reconciliation, Verdict, reconcile, unexplained_falls
from allocations.usage import seconds_by_account
from flows import usage_tasks
from flows.calm import EXPECTED
from flows.census import children

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from allocations.billing import BillingPeriod
    from allocations.days import Correction, Counted
    from flows.census import Census, Doors


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the comparison came to."""

    held_back: Mapping[str, str] = field(default_factory=dict)
    """Account to why its usage must not be sent."""
    reconciliation: Reconciliation | None = None
    """None where nothing was compared."""
    remarks: tuple[str, ...] = ()


def rolled_until(doors: Doors, period: BillingPeriod, cutoff: datetime) -> datetime | None:
    """Up to which whole hour of the month slurmdbd's books can be compared; None: up to none.

    Raises:
        SlurmError: slurmdbd could not be asked, and SYNC_RECONCILE is not off.
    """
    if doors.settings.reconcile is Reconcile.OFF:
        return None
    rolled = usage_tasks.fetch_rolled_until(doors.slurm, cutoff)
    return rolled if rolled is not None and rolled > period.start else None


def compare_with_books(doors: Doors, counted: Counted, rolled: datetime | None, census: Census) -> Gate:
    """Our count up to `rolled` beside slurmdbd's own sums, for every account that is billed."""
    mode = doors.settings.reconcile
    if mode is Reconcile.OFF:
        return Gate()
    if rolled is None:
        return Gate(
            remarks=("slurmdbd has summed up no hour of this month lately: the count is not verified",)
        )
    tres = tuple(census.components)
    try:
        books = usage_tasks.fetch_books(doors.slurm, counted.period.start, rolled, tres)
        reservations = usage_tasks.fetch_reservations(doors.slurm, counted.period.start, rolled)
    except EXPECTED as failure:
        if mode is Reconcile.BLOCK:
            raise
        return Gate(
            remarks=(f"slurmdbd's own books could not be read, the count is not verified: {failure}",)
        )
    compared = reconcile(
        seconds_by_account(counted.whole_hours),
        books,
        tres,
        below=children(census.observed),
        reservations=reservations,
        until=rolled,
    )
    billed = {account for _, account in census.claims}
    ours = Reconciliation(compared.until, tuple(line for line in compared.lines if line.account in billed))
    reasons: dict[str, str] = {}
    for line in ours.with_verdict(Verdict.MISMATCH):
        reasons[line.account] = f"{reasons[line.account]}; {line}" if line.account in reasons else str(line)
    held_back = {account: reasons[account] for account in ours.held_back(mode)}
    remarks = tuple(reason for account, reason in sorted(reasons.items()) if account not in held_back)
    return Gate(held_back=held_back, reconciliation=ours, remarks=remarks)


def falls_in(
    before: Mapping[str, Mapping[str, int]], counted: Counted, corrections: Iterable[Correction]
) -> dict[str, str]:
    """Account to what fell too far to be believed, from account to TRES-seconds known before."""
    falls = unexplained_falls(before, seconds_by_account(counted.seconds), counted.records, corrections)
    reasons: dict[str, str] = {}
    for fall in falls:
        reasons[fall.account] = f"{reasons[fall.account]}; {fall}" if fall.account in reasons else str(fall)
    return reasons
