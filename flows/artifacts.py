"""What a run leaves for people to read: table artifacts, each with links to the others (`flows.links`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_table_artifact

from allocations.reconcile import Verdict
from flows.links import (
    BACKFILL_KEY,
    CLOSED_MONTH_KEY,
    COMPONENTS_KEY,
    DRIFT_KEY,
    ORDERS_KEY,
    PLAN_KEY,
    RECONCILIATION_KEY,
    REPAIR_KEY,
    USAGE_KEY,
    links_beside,
)
from flows.news import left
from flows.work_pool import named_here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from allocations.backfilling import MonthLine
    from allocations.billing import BillingPeriod
    from allocations.findings import DriftReport
    from allocations.offering_components import ComponentChange
    from allocations.outcomes import Outcome
    from allocations.planning import Part, RunPlan
    from allocations.reconcile import Reconciliation
    from allocations.reports import UsageLine
    from flows.closed_month import ClosedLine


def publish_orders(outcomes: Sequence[Outcome], unreadable: Sequence[str], summary: str) -> None:
    """Each part of the run: what was asked, what was done, what is wrong."""
    rows = outcome_rows(outcomes)
    rows += [{"result": "unreadable", "order": "?", "reason": reason} for reason in unreadable]
    publish(ORDERS_KEY, rows, f"**pull-orders**: {summary}")


def publish_repair(outcomes: Sequence[Outcome], summary: str) -> None:
    """Each account that was to be made again, and what became of it."""
    publish(REPAIR_KEY, outcome_rows(outcomes), f"**repair-accounts**: {summary}")


def outcome_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row for each part of a run."""
    return [
        {
            "result": outcome.result.value,
            "what": outcome.part.kind.value,
            "resource": name_of(outcome.part),
            "account": outcome.part.account or "",
            "changes": "; ".join(map(str, outcome.changes)),
            "reason": outcome.reason,
            "remarks": "; ".join([*outcome.remarks, *outcome.notes]),
            "order": outcome.part.order.uuid if outcome.part.order else "",
        }
        for outcome in outcomes
    ]


def publish_plan(plan: RunPlan, summary: str) -> None:
    """Each step of a run's plan, and why: written before it is applied, and when it is not."""
    rows = [
        {"step": str(step.act), "why": step.reason, "for": "newcomers"} for step in plan.registration.steps
    ]
    for part in plan.parts:
        rows += [
            {"step": str(step.act), "why": step.reason, "for": part.title, "account": part.account or ""}
            for step in part.plan.steps
        ]
        said = [part.refusal and f"refused: {part.refusal}", part.waiting and f"waits: {part.waiting}"]
        said += [*part.remarks, *part.notes]
        rows += [{"step": "", "why": str(text), "for": part.title} for text in said if text]
    publish(PLAN_KEY, rows, f"**pull-orders**, the plan: {plain(summary)}")


def publish_drift(report: DriftReport) -> None:
    """Each finding: what is, what should be, what to do, and who did it."""
    rows = [
        {
            "kind": finding.kind.value,
            "subject": finding.subject,
            "users": ", ".join(finding.users),
            "resource": finding.resource.name if finding.resource else "",
            "is": finding.found,
            "should be": finding.expected,
            "what to do": finding.remedy,
            "mended by": finding.mender.value,
            "changed by": "; ".join(map(str, finding.by)),
        }
        for finding in report.findings
    ]
    rows += [{"kind": "not looked at", "is": note} for note in report.notes]
    publish(DRIFT_KEY, rows, f"**check-drift**: {report.summary}")


def name_of(part: Part) -> str:
    """The name that the customer typed."""
    if part.order:
        return part.order.name
    return part.resource.name if part.resource else ""


def publish_usage(
    lines: Sequence[UsageLine], remarks: Sequence[str], summary: str, page: Path | None
) -> None:
    """Each allocation's usage of the month: seconds on the cluster, the amount, and what happened to it."""
    rows = [
        {
            "result": line.result,
            "account": line.account,
            "component": line.component,
            "TRES-seconds": line.tres_seconds,
            "amount": line.amount,
            "unit": line.unit,
            "held before": line.held,
            "resource": line.resource_name,
        }
        for line in lines
    ]
    said = [f"**push-usage**: {plain(summary)}", *(f"- {plain(remark)}" for remark in remarks)]
    said += [f"The month with plots: [{page.name}]({page.absolute().as_uri()})"] if page else []
    publish(USAGE_KEY, rows, "\n\n".join(said))


def publish_reconciliation(period: BillingPeriod, compared: Reconciliation | None, reason: str) -> None:
    """Where the count and slurmdbd's own books differ; what agrees is only counted.

    `reason`: why nothing was compared, where that is so.
    """
    lines = compared.lines if compared else ()
    rows = [
        {
            "verdict": line.verdict.value,
            "account": line.account,
            "TRES": line.tres,
            "ours": line.ours,
            "slurmdbd": line.books,
            "why": line.words,
        }
        for line in sorted(
            lines, key=lambda one: (one.verdict is not Verdict.MISMATCH, one.account, one.tres)
        )
        if line.verdict is not Verdict.AGREES
    ]
    counts = {verdict: sum(line.verdict is verdict for line in lines) for verdict in Verdict}
    said = (
        ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count) or "nothing used"
    )
    what = f"up to {compared.until:%Y-%m-%d %H:%M} UTC: {said}" if compared else f"not compared: {reason}"
    publish(RECONCILIATION_KEY, rows, f"**push-usage**: {period} beside slurmdbd's own books, {plain(what)}")


def publish_closed_month(month: BillingPeriod, lines: Sequence[ClosedLine]) -> None:
    """What a month that can no longer be reported lacks; nothing where nobody looked."""
    rows = [
        {
            "account": line.account,
            "component": line.component,
            "counted": line.counted,
            "held": line.held,
            "lacks": line.lacks,
            "carried over": line.carried,
            "resource": line.resource_name,
        }
        for line in lines
    ]
    if rows:
        publish(
            CLOSED_MONTH_KEY, rows, f"**push-usage**: the closed month {month}, as it should be and as it is"
        )


def publish_backfill(
    month: BillingPeriod, lines: Sequence[MonthLine], notes: Sequence[str], sentence: str, kept: Path | None
) -> None:
    """What a backfill found and did: each number before and after."""
    rows = [
        {
            "result": line.result.value,
            "account": line.account,
            "user": line.user or "(billed)",
            "component": line.component,
            "TRES-seconds": line.tres_seconds,
            "counted": line.counted,
            "before": line.before,
            "after": line.after,
            "resource": line.resource_name,
        }
        for line in lines
    ]
    said = [f"**backfill** of {sentence}", *(f"- {plain(note)}" for note in notes)]
    said += [f"audit record: `{kept.absolute()}`"] if kept else []
    publish(f"{BACKFILL_KEY}-{month}", rows, "\n\n".join(said))


def publish_components(changes: Sequence[ComponentChange], summary: str) -> None:
    """What differs between the offering's components and the components file."""
    rows = [
        {"component": one.type, "field": one.field, "offering": str(one.before), "file": str(one.after)}
        for one in changes
    ]
    publish(COMPONENTS_KEY, rows, f"**sync-components**: {plain(summary)}")


ACTIVE = re.compile(r"[\\`*\[\]<>~|]|^[-+#](?=\s)", re.MULTILINE)
"""What Markdown would act upon: emphasis, code, links, pictures, HTML, columns, lists and headings."""


def publish(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """One version of the artifact; without rows only its description speaks."""
    cells = [{name: plain(value) for name, value in row.items()} for row in rows]
    links = links_beside(key)
    text = "\n\n".join(filter(None, (description, links)))
    left(
        f"the table {key}",
        lambda: create_table_artifact(key=named_here(key), table=cells, description=text),
    )


def plain(value: object) -> object:
    """A cell as it reads: Prefect renders Markdown in tables, and names are typed by customers."""
    return ACTIVE.sub(r"\\\g<0>", value) if isinstance(value, str) else value
