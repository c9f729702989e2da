"""check-drift: the whole cluster against all resources, both ways. It writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.client.schemas.objects import State  # noqa: TC002 - the flow's return type is read when it is made
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows import events
from flows.artifacts import publish_drift
from flows.calm import calmly
from flows.comparing import compare
from flows.doors import open_cloudrock, open_slurm
from flows.settings import load_rules, load_settings
from flows.tasks import effect

if TYPE_CHECKING:
    from allocations.desired import Rules
    from allocations.findings import DriftReport
    from cloudrock_io.client import Cloudrock
    from flows.settings import Settings
    from slurm_io.client import Slurm

DRIFT = "Drift"
"""The name of the final state of a run that found some: an automation can wait for it."""


def run_name() -> str:
    """`check-drift 2026-11-22 03:40:00`."""
    return f"check-drift {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


@flow(name="check-drift", flow_run_name=run_name)
def check_drift() -> State[Any]:
    """Compare every account, member and limit with the marketplace, and report what differs."""
    return calmly(check, get_run_logger())


def check() -> State[Any]:
    """The flow's body."""
    settings = load_settings()
    rules = load_rules(settings)
    slurm = open_slurm(settings, events.hearing(settings.offering_uuid))
    with open_cloudrock(settings) as cloudrock:
        report = compare_both_sides(cloudrock, slurm, settings, rules)
    publish_drift(report)
    logger = get_run_logger()
    for note in report.notes:
        logger.warning("%s", note)
    for finding in report.findings:
        logger.warning(
            "%s: %s: %s; expected %s", finding.kind.value, finding.subject, finding.found, finding.expected
        )
    if report.findings:
        events.drift_found(settings.offering_uuid, report)
        return Completed(name=DRIFT, message=report.summary)
    return Completed(message=report.summary)


@task(name="compare-both-sides", **effect)
def compare_both_sides(cloudrock: Cloudrock, slurm: Slurm, settings: Settings, rules: Rules) -> DriftReport:
    """Read both sides and compare them: repeating it is harmless, since nothing is written."""
    return compare(cloudrock, slurm, settings, rules, datetime.now(UTC))
