"""What is made of the measured costs: ratios within one run, each with what was aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TITLES = {
    "observe": "the cluster observed",
    "plan": "`plan`",
    "pull_quiet": "pull without changes",
    "old_pull": "the old agents' pull, which looks at orders only",
    "pull_orders": "pull with new orders",
    "membership": "pull after everybody joined a project",
    "push_first": "push from nothing: count and tell the month",
    "push_cold": "push after the store was lost: count the month",
    "records": "the month's records as they stand, which ours clips itself",
    "push_warm": "push again, nothing new",
    "push_hour": "push after an hour with its jobs",
    "books": "`sreport` of the month",
}
SIDES = ("bare", "old", "ours")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two costs of one row."""

    what: str
    seconds: float
    cpu_seconds: float | None
    """Of the programs, of slurmdbd and of its database: what others do on the machine hardly alters it.

    None where they are not known apart.
    """
    aim: str = ""
    """For the seconds."""


def ratios(run: Mapping[str, Any]) -> Iterator[Ratio]:
    """All ratios of one run."""
    rows, orders = run["rows"], run["site"]["orders"]
    yield from over(rows, "observe", "ours", "bare")
    yield from over(rows, "pull_quiet", "ours", "bare")
    yield from over(rows, "pull_quiet", "old", "ours", "at least 100 at M")
    yield from alone(rows, "pull_quiet")
    yield from over(rows, "plan", "old", "ours")
    yield from beyond(rows, "pull_orders", f"one new order of {orders}: ours / bare", "at most 1.3")
    yield from beyond(rows, "membership", "everybody's joining: ours / bare")
    yield from over(rows, "membership", "old", "ours")
    yield from over(rows, "push_first", "ours", "bare")
    yield from over(rows, "push_first", "old", "ours", "at least 20 at M")
    yield from over(rows, "push_cold", "ours", "bare", "at most 1.5")
    yield from over(rows, "push_cold", "old", "ours", "at least 20 at M")
    yield from over(rows, "records", "ours", "bare")
    yield from over(rows, "push_warm", "old", "ours", "at least 200 at M")
    yield from alone(rows, "push_warm")
    yield from over(rows, "push_hour", "old", "ours")


def over(rows: Mapping[str, Any], key: str, one: str, other: str, aim: str = "") -> Iterator[Ratio]:
    """One side over another, where both were measured."""
    row = rows.get(key, {})
    if one in row and other in row:
        seconds = row[one]["seconds"] / row[other]["seconds"]
        yield Ratio(f"{TITLES[key]}: {one} / {other}", seconds, cpu(row[one]) / cpu(row[other]), aim)


def alone(rows: Mapping[str, Any], key: str) -> Iterator[Ratio]:
    """The old agents' run, which begins in a process that is there, over ours without its process's start."""
    row = rows.get(key, {})
    if "old" in row and row.get("ours", {}).get("run_seconds"):
        seconds = row["old"]["seconds"] / row["ours"]["run_seconds"]
        yield Ratio(f"{TITLES[key]}, the run alone: old / ours", seconds, None)


def beyond(rows: Mapping[str, Any], key: str, what: str, aim: str = "") -> Iterator[Ratio]:
    """What ours takes beyond a run with nothing to do, over the bare commands."""
    if key in rows:
        ours, quiet, bare = (rows[key][side] for side in ("ours", "quiet", "bare"))
        seconds = (ours["seconds"] - quiet["seconds"]) / bare["seconds"]
        yield Ratio(what, seconds, (cpu(ours) - cpu(quiet)) / cpu(bare), aim)


def cpu(cost: Mapping[str, float]) -> float:
    """Of everybody who works for it, at least one tick of the clock."""
    return max(0.01, cost["cpu_seconds"] + cost["slurmdbd_seconds"])
