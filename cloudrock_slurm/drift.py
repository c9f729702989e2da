"""`cloudrock-slurm drift`: how the cluster and the marketplace differ; it writes nothing."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloudrock_slurm.clusters import tell_cluster
from cloudrock_slurm.ending import calm_ending
from flows.comparing import compare
from flows.doors import open_cloudrock, open_slurm
from flows.settings import load_rules, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.findings import DriftReport, Finding

DRIFT = 3
"""The exit code when there is any drift."""


def drift(*, as_json: bool = False) -> int:
    """Print the report; 3 when there is any drift, 0 when there is none."""
    with calm_ending():
        settings = load_settings()
        rules = load_rules(settings)
        slurm = open_slurm(settings)
        with open_cloudrock(settings) as cloudrock:
            report = compare(cloudrock, slurm, settings, rules, datetime.now(UTC))
    if as_json:
        sys.stdout.write(json.dumps({"cluster": slurm.known, **as_tree(report)}, indent=2) + "\n")
    else:
        console = Console(highlight=False)
        tell_cluster(console, slurm)
        show(report, console)
    return DRIFT if report.findings else 0


def show(report: DriftReport, console: Console) -> None:
    """The findings for a person, a table for each kind, and the sentence that sums them up."""
    for kind, findings in groupby(report.findings, key=lambda one: one.kind):
        table = Table(title=Text(kind.value, style="bold"), title_justify="left", show_lines=True)
        table.add_column("what", overflow="fold")
        table.add_column("is, should be, what to do", overflow="fold", ratio=1)
        for finding in findings:
            table.add_row(Text(subject_of(finding)), Text("\n".join(lines_of(finding))))
        console.print(table)
    for note in report.notes:
        console.print(Text(f"not looked at: {note}", style="yellow"))
    console.print(Text(report.summary, style="bold"))


def subject_of(finding: Finding) -> str:
    """The account or users, and the resource's name as the customer typed it."""
    users = ", ".join(finding.users)
    name = repr(finding.resource.name) if finding.resource else ""
    return "\n".join(filter(None, (finding.subject, users if users != finding.subject else "", name)))


def lines_of(finding: Finding) -> Iterator[str]:
    """What is, what should be, what to do, and who did it where that is known."""
    yield f"is: {finding.found}"
    yield f"should be: {finding.expected}"
    yield f"to do: {finding.remedy}"
    for transaction in finding.by:
        yield f"by: {transaction}"


def as_tree(report: DriftReport) -> dict[str, Any]:
    """The report for a program."""
    return {
        "summary": report.summary,
        "resources": report.resources,
        "accounts": report.accounts,
        "notes": list(report.notes),
        "findings": [
            {
                "kind": finding.kind.value,
                "account": finding.account,
                "users": list(finding.users),
                "resource": finding.resource.uuid if finding.resource else None,
                "name": finding.resource.name if finding.resource else "",
                "is": finding.found,
                "should_be": finding.expected,
                "remedy": finding.remedy,
                "mended_by": finding.mender.value,
                "changed_by": [
                    {"actor": one.actor, "when": one.when.isoformat(), "action": one.action}
                    for one in finding.by
                ],
            }
            for finding in report.findings
        ],
    }
