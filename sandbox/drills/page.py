"""docs/drills.md, from what the drills saw."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.stack import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.drills.breaking import Told
    from sandbox.drills.site import Span

PAGE = CHECKOUT / "docs" / "drills.md"
HEAD = """\
# Drills

What breaks on a headnode, broken on purpose: on the whole sandbox, with a real SLURM, Prefect's server and
worker, the deployments and automations of this repository on their own schedules, and the marketplace's
stand-in. `python -m sandbox.drills` writes this page, and fails when two runs of a deployment overlap, an
order is lost or done twice, or an amount differs from slurmdbd's books. Seconds count from a drill's begin;
states and messages of runs are those that the Prefect UI shows.

"""
BEGIN = "## "


def write(told: Iterable[Told], titles: Iterable[str]) -> None:
    """These drills' sections anew; the others stay. `titles` are all drills', in their order."""
    kept = PAGE.read_text().split(f"\n{BEGIN}")[1:] if PAGE.exists() else []
    sections = {text.partition("\n")[0]: f"{BEGIN}{text.rstrip()}\n" for text in kept}
    sections |= {one.drill.title: section(one) for one in told}
    PAGE.write_text(HEAD + "\n".join(sections[title] for title in titles if title in sections))


def section(told: Told) -> str:
    """One drill."""
    moments = "\n".join(f"| {seconds:,.0f} | {plain(what)} |" for seconds, what in told.moments)
    runs = "\n".join(row(span) for span in sorted(told.runs, key=lambda span: span.start or told.seconds))
    return f"""\
{BEGIN}{told.drill.title}

{told.drill.broken} Recorded on {datetime.now(UTC).date()}.

{told.outcome}

| s | what happened |
|---|---|
{moments}

| run of | began, s | ended, s | state | message |
|---|---|---|---|---|
{runs}
"""


def row(span: Span) -> str:
    """One run."""
    start, end = (f"{moment:,.0f}" if moment is not None else "" for moment in (span.start, span.end))
    return f"| `{span.deployment}` | {start} | {end} | {span.state} | {plain(span.message)} |"


def plain(text: str) -> str:
    """A message in a table's cell: its first line."""
    return text.partition("\n")[0].replace("|", "\\|")
