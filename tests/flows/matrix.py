"""The table of docs/orders.md: what tests saw, kept as JSON in tests/captured/, and the page made from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD = ROOT / "tests" / "captured" / "orders.json"
PAGE = ROOT / "docs" / "orders.md"
ORDERS = ("Create", "Update", "switch of plan", "Terminate")
MEMBERS = ("member joins", "member leaves")
KINDS = (*ORDERS, *MEMBERS, "repair")
UNDISTURBED = "nothing"
KILLED = "killed at a write"
BEGINNING = """\
# What becomes of an order

Order kind, state and fault, and where it ends: written by the tests that see it on a real cluster
(`make orders`), and held equal to what they saw. "Then" tells, in this order, the **order** item, its
**resource**, its SLURM **allocation** in the marketplace, and the **account** on the cluster: open, closed
for new jobs, or none. Without an order: resource, allocation, and whether the account has the person.

"Run" is the word of the run's artifact ([what each means](pull.md#what-becomes-of-an-order)) for the order,
or for its resource when it has no order; or that the whole run failed, or was not concerned. The next run is
an undisturbed one. All orders of one fault were in one run, and so were all states of one kind.
"""
HEADING = "| before | fault | run | then | next run | then |\n|---|---|---|---|---|---|\n"


@dataclass(frozen=True, order=True)
class Row:
    """One order in one state that met one fault."""

    kind: str
    before: str
    fault: str
    run: str
    after: str
    next_run: str
    next: str

    @property
    def key(self) -> tuple[int, str, str]:
        """What was tried, apart from what came of it."""
        return KINDS.index(self.kind), self.fault, self.before


def read() -> list[Row]:
    """What the tests saw when they last wrote it down."""
    return [Row(**row) for row in json.loads(RECORD.read_text())] if RECORD.exists() else []


def write(rows: Iterable[Row]) -> None:
    """Keep these rows instead of the ones about the same, and make the page anew."""
    new = {row.key: row for row in rows}
    kept = {row.key: row for row in read()}
    ordered = [row for _, row in sorted({**kept, **new}.items())]
    RECORD.write_text(json.dumps([asdict(row) for row in ordered], indent=1) + "\n")
    PAGE.write_text(page(ordered))


def page(rows: Iterable[Row]) -> str:
    """The page that tells these rows."""
    parts = [BEGINNING]
    told = list(rows)
    for kind in KINDS:
        lines = [
            f"| {row.before} | {row.fault} | {row.run} | {row.after} | {row.next_run} | "
            f"{'the same' if row.next == row.after else row.next} |\n"
            for row in sorted(told, key=lambda row: (row.fault != UNDISTURBED, *row.key))
            if row.kind == kind
        ]
        parts.append(f"\n## {kind[0].upper()}{kind[1:]}\n\n{HEADING}{''.join(lines)}")
    return "".join(parts)


def killed_row(chapter: str, writes: int, ending: dict[str, Any]) -> Row:
    """What became of an allocation whose run was killed at each of its writes, before and after answers."""
    kind, user = CHAPTERS[chapter]
    before = "at rest" if kind not in ORDERS else "pending" if chapter == "approve" else "executing"
    (resource,) = ending["marketplace"]["resources"]
    there = [row for row in ending["cluster"]["associations"] if row[0].startswith("hpc_<1>_")]
    account = next((limits_word(row) for row in there if not row[1]), "none")
    words = [resource["state"], resource["allocation"]["state"]]
    if kind in ORDERS:
        words = [ending["marketplace"]["items"][-1]["state"], *words, account]
    elif user:
        words.append("has him" if any(row[1] == user for row in there) else "has him not")
    else:
        words.append(account)
    up_to = f"up to {writes} writes are done" if writes > 1 else "its write is done"
    return Row(kind, before, KILLED, "run killed", up_to, "done, or nothing left to do", ", ".join(words))


CHAPTERS = {
    "create": ("Create", ""),
    "approve": ("Create", ""),
    "update": ("Update", ""),
    "switch": ("switch of plan", ""),
    "terminate": ("Terminate", ""),
    "join": ("member joins", "crs_kim"),
    "leave": ("member leaves", "crs_max"),
    "repair": ("repair", ""),
}


def limits_word(row: list[str]) -> str:
    """An account's row of slurmdbd's association table, in a word."""
    _, _, _, limits, submit, *_ = row
    return ("closed" if submit == "0" else "open") + (" with new limits" if "1=5000" in limits else "")
