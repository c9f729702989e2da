"""Events of ours on the Prefect server: what automations can wait for. docs/observability.md has the table.

An event is news, no step of the work: it is handed to Prefect's own thread at once, and a server that does
not take it changes nothing about the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import EventTooLarge
from prefect.logging import get_run_logger

from flows.protected import Happening
from flows.site import subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allocations.billing import BillingPeriod
    from allocations.findings import DriftReport
    from allocations.outcomes import Outcome
    from allocations.reports import ResourceUsage
    from flows.gate import Gate
    from flows.protected import Hear, Notice

MOST_NAMED = 50
"""Accounts or findings in one event; a server takes no event above 1.5 MB."""
LONGEST = 2000
"""Characters of one text."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event."""

    name: str
    resource: str
    """Its resource's id; names in braces are keys of the payload."""
    meaning: str
    payload: Mapping[str, str]
    """Key to what it holds."""


ORDER = {
    "order": "uuid of the order item",
    "kind": "`Create order`, `Update order`, `switch of plan` or `Terminate order`",
    "name": "the allocation's name, as the customer typed it",
    "account": "its SLURM account; empty where none was made",
    "resource": "uuid of the marketplace resource; empty where none was made",
}
ORDER_APPLIED = Kind(
    "cloudrock-slurm.order.applied",
    "cloudrock-slurm.order.{order}",
    "an order is carried out on the cluster and done in the marketplace",
    {**ORDER, "changes": "what was changed on the cluster, one sentence each", "remarks": "what to look at"},
)
ORDER_ERRED = Kind(
    "cloudrock-slurm.order.erred",
    "cloudrock-slurm.order.{order}",
    "an order cannot be carried out and was set erred in the marketplace",
    {**ORDER, "reason": "why, as the customer reads it"},
)
USAGE_UPLOADED = Kind(
    "cloudrock-slurm.usage.uploaded",
    "cloudrock-slurm.allocation.{resource}",
    "the marketplace took an allocation's amounts of a month",
    {
        "resource": "uuid of the marketplace resource",
        "name": "the allocation's name",
        "account": "its SLURM account",
        "period": "the month, as 2026-11",
        "amounts": "component type to amount, in its measured unit",
    },
)
DRIFT_FOUND = Kind(
    "cloudrock-slurm.drift.found",
    "cloudrock-slurm.offering.{offering}",
    "the daily look at both sides found differences",
    {
        "offering": "uuid of the offering",
        "summary": "one sentence",
        "counts": "kind of finding to how many there are",
        "findings": f"the first {MOST_NAMED}: kind, subject, is, should_be, remedy",
    },
)
RECONCILIATION_FAILED = Kind(
    "cloudrock-slurm.reconciliation.failed",
    "cloudrock-slurm.offering.{offering}",
    "counted usage is not what slurmdbd's own books say",
    {
        "offering": "uuid of the offering",
        "period": "the month, as 2026-11",
        "held_back": "whether these accounts' usage is not sent (SYNC_RECONCILE=block)",
        "accounts": f"the first {MOST_NAMED} accounts",
        "reasons": "how each differs, one sentence each",
    },
)
SPARED = {
    "offering": "uuid of the offering",
    "since": "when the first slow answer was asked for",
    "reason": "the last slow answer",
}
SLURMDBD_SLOW = Kind(
    "cloudrock-slurm.slurmdbd.slow",
    "cloudrock-slurm.offering.{offering}",
    "the circuit breaker opened: slurmdbd is left alone for a while",
    {
        **SPARED,
        "openings": "how often it has opened in this trouble",
        "next_try": "when slurmdbd is tried again",
    },
)
SLURMDBD_WELL = Kind(
    "cloudrock-slurm.slurmdbd.well",
    "cloudrock-slurm.offering.{offering}",
    "the circuit breaker closed: slurmdbd is asked again",
    SPARED,
)
KINDS = (
    ORDER_APPLIED,
    ORDER_ERRED,
    USAGE_UPLOADED,
    DRIFT_FOUND,
    RECONCILIATION_FAILED,
    SLURMDBD_SLOW,
    SLURMDBD_WELL,
)


def order_applied(outcome: Outcome) -> None:
    """An order is done on both sides."""
    changes = [str(change) for change in outcome.changes[:MOST_NAMED]]
    tell_of_order(ORDER_APPLIED, outcome, changes=changes, remarks=outcome.remarks[:MOST_NAMED])


def order_erred(outcome: Outcome) -> None:
    """An order is erred in the marketplace."""
    tell_of_order(ORDER_ERRED, outcome, reason=outcome.reason[:LONGEST])


def tell_of_order(kind: Kind, outcome: Outcome, **facts: object) -> None:
    """An event about an order; its allocation is a related resource."""
    part = outcome.part
    if part.order is None:
        return
    resource = part.resource.uuid if part.resource else ""
    common = {
        "order": part.order.uuid,
        "kind": part.kind.value,
        "name": part.order.name,
        "account": part.account or "",
        "resource": resource,
    }
    emit(kind, subject_of(outcome), {**common, **facts}, allocation=resource)


def usage_uploaded(usage: ResourceUsage, period: BillingPeriod, amounts: Mapping[str, int]) -> None:
    """The marketplace took an allocation's amounts."""
    facts = {
        "resource": usage.resource.uuid,
        "name": usage.resource.name,
        "account": str(usage.account),
        "period": str(period),
        "amounts": dict(amounts),
    }
    emit(USAGE_UPLOADED, str(usage.account), facts)


def drift_found(offering: str, report: DriftReport) -> None:
    """Both sides differ."""
    kinds = [finding.kind.value for finding in report.findings]
    named = [
        {
            "kind": finding.kind.value,
            "subject": finding.subject,
            "is": finding.found[:LONGEST],
            "should_be": finding.expected[:LONGEST],
            "remedy": finding.remedy[:LONGEST],
        }
        for finding in report.findings[:MOST_NAMED]
    ]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    facts = {"offering": offering, "summary": report.summary, "counts": counts, "findings": named}
    emit(DRIFT_FOUND, "the offering", facts)


def reconciliation_failed(offering: str, period: BillingPeriod, gate: Gate) -> None:
    """Accounts of this month do not agree with slurmdbd's books; nothing is said where all do."""
    reasons = gate.mismatches
    if not reasons:
        return
    facts = {
        "offering": offering,
        "period": str(period),
        "held_back": bool(gate.held_back),
        "accounts": list(reasons)[:MOST_NAMED],
        "reasons": [reason[:LONGEST] for reason in list(reasons.values())[:MOST_NAMED]],
    }
    emit(RECONCILIATION_FAILED, "the offering", facts)


def hearing(offering: str) -> Hear:
    """Tells a run's log of what becomes of slurmdbd's protection, and the server when its breaker moves."""
    logger = get_run_logger()

    def hear(notice: Notice) -> None:
        logger.warning("%s", notice.text)
        breaker = notice.breaker
        facts = {"offering": offering, "since": str(breaker.since), "reason": breaker.reason[:LONGEST]}
        if notice.happening is Happening.OPENED:
            more = {"openings": breaker.openings, "next_try": str(breaker.until)}
            emit(SLURMDBD_SLOW, "the offering", {**facts, **more})
        elif notice.happening is Happening.CLOSED:
            emit(SLURMDBD_WELL, "the offering", facts)

    return hear


def emit(kind: Kind, title: str, payload: dict[str, Any], *, allocation: str = "") -> None:
    """Hand the event to Prefect, which adds run, flow and deployment. Outside of a run nobody is told."""
    if FlowRunContext.get() is None:
        return
    related = []
    if allocation:
        one = {"prefect.resource.id": f"cloudrock-slurm.allocation.{allocation}"}
        related = [{**one, "prefect.resource.role": "allocation"}]
    resource = {"prefect.resource.id": kind.resource.format_map(payload), "prefect.resource.name": title}
    try:
        emit_event(kind.name, resource=resource, related=related, payload=payload)
    except EventTooLarge as failure:
        get_run_logger().warning("%s: the event %s was not sent: %s", title, kind.name, failure)


def table_of_events() -> str:
    """The page's table, in Markdown."""
    rows = ["| event | resource | when | payload |", "|---|---|---|---|"]
    for kind in KINDS:
        payload = "<br>".join(f"`{key}`: {meaning}" for key, meaning in kind.payload.items())
        rows.append(f"| `{kind.name}` | `{kind.resource}` | {kind.meaning} | {payload} |")
    return "\n".join(rows)
