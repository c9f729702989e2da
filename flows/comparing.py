"""Look at both sides and say how they differ. Only reads; no Prefect, so the command line starts fast."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from allocations.drift import drift
from allocations.drift_cluster import managed_accounts
from allocations.findings import BothSides, DriftReport
from allocations.history import traced
from flows.gathering import gather, read_allocations
from slurm_io.errors import SlurmError

if TYPE_CHECKING:
    from datetime import datetime

    from allocations.desired import Rules
    from allocations.findings import Finding
    from cloudrock_io.client import Cloudrock
    from flows.settings import Settings
    from slurm_io.client import Slurm

HISTORY = timedelta(days=90)
"""How far back slurmdbd is asked who changed something."""


def compare(
    cloudrock: Cloudrock, slurm: Slurm, settings: Settings, rules: Rules, now: datetime
) -> DriftReport:
    """The drift report: three sacctmgr calls without drift, eight at most.

    What is found is looked at a second time: orders come in and pulls go on while both sides are read, and
    a difference that has gone meanwhile was none.
    """
    snapshot, observed = gather(cloudrock, slurm, settings)
    allocations, notes = read_allocations(cloudrock, snapshot.resources.values())
    findings = drift(BothSides(snapshot=snapshot, observed=observed, allocations=allocations), rules)
    if findings:
        seen = {finding.key for finding in findings}
        snapshot, observed = gather(cloudrock, slurm, settings)
        again = drift(BothSides(snapshot=snapshot, observed=observed, allocations=allocations), rules)
        findings = tuple(finding for finding in again if finding.key in seen)
    findings, doubt = explained(findings, slurm, now)
    return DriftReport(
        findings=findings,
        resources=len(snapshot.resources),
        accounts=len(managed_accounts(observed, rules)),
        notes=(*notes, *doubt),
    )


def explained(
    findings: tuple[Finding, ...], slurm: Slurm, now: datetime
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """The findings with who changed what; without it, and why, when slurmdbd does not tell."""
    if not any(finding.traces for finding in findings):
        return findings, ()
    try:
        return traced(findings, slurm.fetch_transactions(now - HISTORY)), ()
    except SlurmError as failure:
        return findings, (f"who changed it is not known: {failure}",)
