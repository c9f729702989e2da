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
    "push_warm": "push again, nothing new",
    "push_hour": "push after an hour with its jobs",
    "books": "`sreport` of the month",
}
SIDES = ("bare", "old", "ours")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two costs of one row."""

    what: str
    value: float
    aim: str = ""


def ratios(run: Mapping[str, Any]) -> Iterator[Ratio]:
    """All ratios of one run."""
    rows, orders = run["rows"], run["site"]["orders"]
    yield from over(rows, "observe", "ours", "bare")
    yield from over(rows, "pull_quiet", "ours", "bare")
    yield from over(rows, "pull_quiet", "old", "ours", "at least 100 at M")
    yield from over(rows, "plan", "old", "ours")
    for key, what, aim in (
        ("pull_orders", f"one new order of {orders}: ours / bare", "at most 1.3"),
        ("membership", "everybody's joining: ours / bare", ""),
    ):
        if key in rows:
            row = rows[key]
            added = row["ours"]["seconds"] - row["quiet"]["seconds"]
            yield Ratio(what, added / row["bare"]["seconds"], aim)
    yield from over(rows, "membership", "old", "ours")
    yield from over(rows, "push_first", "ours", "bare")
    yield from over(rows, "push_first", "old", "ours", "at least 20 at M")
    yield from over(rows, "push_cold", "ours", "bare", "at most 1.5")
    yield from over(rows, "push_cold", "old", "ours", "at least 20 at M")
    yield from over(rows, "push_warm", "old", "ours", "at least 200 at M")
    yield from over(rows, "push_hour", "old", "ours")


def over(rows: Mapping[str, Any], key: str, one: str, other: str, aim: str = "") -> Iterator[Ratio]:
    """One side's seconds over another's, where both were measured."""
    row = rows.get(key, {})
    if one in row and other in row:
        yield Ratio(f"{TITLES[key]}: {one} / {other}", row[one]["seconds"] / row[other]["seconds"], aim)
