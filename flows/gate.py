"""The gate: accounts whose count does not agree with slurmdbd's own books do not reach the marketplace.

The rules are `allocations.reconcile`, the comparison is `flows.reconciling`; here SYNC_RECONCILE decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.outcomes import plural
from allocations.reconcile import Reconcile, Reconciliation, Verdict, unexplained_falls
from allocations.usage import seconds_by_account

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from allocations.days import Correction, Counted


WAY_OUT = "if it is right, run push-usage once with allow_decrease=true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the comparison came to."""

    held_back: Mapping[str, str] = field(default_factory=dict)
    """Account to why its usage must not be sent."""
    mismatches: Mapping[str, str] = field(default_factory=dict)
    """Account to how it differs from the books, held back or not."""
    reconciliation: Reconciliation | None = None
    """Of the billed accounts; None where nothing was compared."""
    remarks: tuple[str, ...] = ()


def judge(compared: Reconciliation | None, billed: Collection[str], mode: Reconcile) -> Gate:
    """Which of the billed accounts are held back, and what is to be said of the others."""
    if compared is None or mode is Reconcile.OFF:
        return Gate()
    ours = Reconciliation(compared.until, tuple(line for line in compared.lines if line.account in billed))
    reasons: dict[str, str] = {}
    for line in ours.with_verdict(Verdict.MISMATCH):
        reasons[line.account] = f"{reasons[line.account]}; {line}" if line.account in reasons else str(line)
    held_back = {account: reasons[account] for account in sorted(ours.held_back(mode))}
    remarks = [reason for account, reason in sorted(reasons.items()) if account not in held_back]
    unverified = {line.account for line in ours.with_verdict(Verdict.UNVERIFIED)}
    if unverified:
        words = ours.with_verdict(Verdict.UNVERIFIED)[0].words
        remarks.append(f"the usage of {plural(len(unverified), 'account')} is not verified: {words}")
    return Gate(
        held_back=held_back,
        mismatches=dict(sorted(reasons.items())),
        reconciliation=ours,
        remarks=tuple(remarks),
    )


def falls_in(
    before: Mapping[str, Mapping[str, int]], counted: Counted, corrections: Iterable[Correction]
) -> dict[str, str]:
    """Account to what fell too far to be believed, from account to TRES-seconds known before."""
    falls = unexplained_falls(before, seconds_by_account(counted.seconds), counted.records, corrections)
    reasons: dict[str, str] = {}
    for fall in falls:
        reasons[fall.account] = f"{reasons[fall.account]}; {fall}" if fall.account in reasons else str(fall)
    return {account: f"{reason}; {WAY_OUT}" for account, reason in reasons.items()}
