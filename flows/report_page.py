"""A month's report as one page: tables and plots in a single file that needs nothing else."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from allocations.billing import SECONDS_PER_MINUTE
from allocations.reconcile import Verdict
from flows.bars import CSS as BARS_CSS
from flows.bars import bars, share_bars

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import pandas as pd

    from allocations.billing import BillingPeriod
    from allocations.components import Components
    from allocations.month_report import MonthReport

CSS = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #0f172a; background: #f8fafc; margin: 0; }
main { max-width: 1000px; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: .95rem; margin: 1.5rem 0 .25rem; color: #475569; }
p.sub { color: #475569; margin: .25rem 0 0; }
section { background: #fff; border: 1px solid #e2e8f0; border-radius: 8px; padding: 1rem;
  overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; color: #475569; font-weight: 600; border-bottom: 1px solid #cbd5e1;
  padding: .3rem .6rem; }
td { border-bottom: 1px solid #f1f5f9; padding: .3rem .6rem; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { width: 100%; height: auto; } .bad { color: #b91c1c; font-weight: 600; } .ok { color: #15803d; }
"""
MISSING = "-"


def page(report: MonthReport, components: Components, per_day: str | None = None) -> str:
    """The whole page. Names are other people's text: all of it is escaped.

    `per_day`: its plots per day, where they are drawn already.
    """
    title = f"Usage of {report.period}"
    sub = f"{report.cluster}, counted up to {report.cutoff:%Y-%m-%d %H:%M:%S} UTC"
    parts = [f"<h1>{escape(title)}</h1><p class=sub>{escape(sub)}</p>"]
    parts += [f"<p class=sub>{escape(remark)}</p>" for remark in report.remarks]
    parts += [section("Allocations", allocations_table(report))]
    if per_day is None:
        per_day = plots_per_day(report.days, report.period, report.cutoff, components)
    parts += [section("Usage per day and allocation", per_day)]
    parts += [section("Share of GrpTRESMins used this month", shares(report, components))]
    parts += [section("Users", users(report, components))]
    parts += [section("Largest jobs", jobs_table(report))]
    parts += [section("Beside slurmdbd's own books", reconciliation(report))]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{CSS}{BARS_CSS}</style>'
    body = "".join(parts)
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'


def section(title: str, body: str) -> str:
    """A part of the page."""
    return f"<h2>{escape(title)}</h2><section>{body or 'Nothing.'}</section>"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int]) -> str:
    """A table; `numbers` are the places of columns that align right."""
    kind = [" class=n" if place in numbers else "" for place in range(len(columns))]
    head = "".join(f"<th{kind[n]}>{escape(name)}</th>" for n, name in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(f"<td{kind[n]}>{escape(shown(cell))}</td>" for n, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def shown(cell: object) -> str:
    """A cell as people read it; what is missing is not zero."""
    if cell is None or str(cell) in ("<NA>", "nan"):
        return MISSING
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def billed(report: MonthReport) -> pd.DataFrame:
    """The rows of allocations, without those of their users."""
    return report.usage[report.usage["user"] == ""]


def allocations_table(report: MonthReport) -> str:
    """What each allocation used, and what the marketplace holds."""
    rows = [
        (
            *(row["resource"], row["account"], row["component"], row["amount"], row["unit"], row["held"]),
            MISSING if row["share_of_limit"] is None else f"{row['share_of_limit']:.1%}",
            row["tres_seconds"],
        )
        for row in records(billed(report))
    ]
    names = ("allocation", "account", "component", "amount", "unit", "in the marketplace", "of the limit")
    return table((*names, "TRES-seconds"), rows, (3, 5, 6, 7)) if rows else ""


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries, None for what is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    return [{str(name): cell for name, cell in row.items()} for row in rows]


def days_shown(period: BillingPeriod, cutoff: datetime) -> int:
    """How many days of the month have begun."""
    return -(-int((cutoff - period.start).total_seconds()) // 86400)


def plots_per_day(days: pd.DataFrame, period: BillingPeriod, cutoff: datetime, components: Components) -> str:
    """A plot for each component that was used; `days` are those of a MonthReport."""
    from flows import plots  # noqa: PLC0415 - matplotlib takes a second, and pages may have their plots already

    every_day = [(period.start + timedelta(days=n)).date() for n in range(days_shown(period, cutoff))]
    parts = []
    for kind, component in components.items():
        rows = days[days["component"] == kind]
        if len(rows):
            seconds = component.unit_factor * SECONDS_PER_MINUTE
            picture = plots.usage_per_day(rows, seconds, component.measured_unit, every_day)
            parts.append(f"<h3>{escape(component.label)} ({escape(kind)})</h3>{picture}")
    return "".join(parts)


def shares(report: MonthReport, components: Components) -> str:
    """For each component how much of its limit each allocation used."""
    parts = []
    for kind, component in components.items():
        rows = billed(report)
        rows = rows[(rows["component"] == kind) & (rows["share_of_limit"] > 0)]
        if len(rows):
            values = dict(zip(rows["account"], rows["share_of_limit"].astype(float), strict=True))
            parts.append(f"<h3>{escape(component.label)} ({escape(kind)})</h3>{share_bars(values)}")
    return "".join(parts)


def users(report: MonthReport, components: Components) -> str:
    """Who used most, over all allocations."""
    parts = []
    for kind, component in components.items():
        rows = report.usage[(report.usage["user"] != "") & (report.usage["component"] == kind)]
        totals = rows.groupby("user")["amount"].sum()
        values = {str(user): float(amount) for user, amount in totals.items() if amount}
        if values:
            drawn = bars(values, component.measured_unit)
            parts.append(f"<h3>{escape(component.label)} ({escape(kind)})</h3>{drawn}")
    return "".join(parts)


def jobs_table(report: MonthReport) -> str:
    """The largest jobs of the month."""
    kinds = [name for name in report.jobs.columns if name not in ("job_id", "account", "user")]
    rows = [
        [row["job_id"], row["account"], row["user"], *(row[kind] for kind in kinds)]
        for row in records(report.jobs)
    ]
    names = ("job", "account", "user", *(f"{kind} TRES-seconds" for kind in kinds))
    return table(names, rows, range(3, 3 + len(kinds))) if rows else ""


def reconciliation(report: MonthReport) -> str:
    """What slurmdbd itself has summed up, and where that is something else."""
    if report.reconciliation is None:
        return "Not compared."
    lines = report.reconciliation.lines
    counts = {verdict: len(report.reconciliation.with_verdict(verdict)) for verdict in Verdict}
    bad = counts[Verdict.MISMATCH] + counts[Verdict.UNVERIFIED]
    named = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    said = ", ".join(named) or "nothing used"
    until = f"{report.reconciliation.until:%Y-%m-%d %H:%M} UTC"
    head = f"<p class={'bad' if bad else 'ok'}>Up to {until}: {said}.</p>"
    rows = [(one.account, one.tres, one.ours, one.books, one.verdict.value, one.words) for one in lines]
    columns = ("account", "TRES", "ours", "slurmdbd", "verdict", "why")
    return head + (table(columns, rows, (2, 3)) if rows else "")
