"""The table of docs/orders.md: what tests saw, kept as JSON in tests/captured/, and the page made from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD = ROOT / "tests" / "captured" / "orders.json"
PAGE = ROOT / "docs" / "orders.md"
KINDS = ("Create", "Update", "switch of plan", "Terminate", "member joins", "member leaves")
UNDISTURBED = "nothing"
BEGINNING = """\
# What becomes of an order

Order kind, state and fault, and where it ends: written by the tests that see it on a real cluster
(`make orders`), and held equal to what they saw. The last two columns tell, in this order, the **order**
item, its **resource**, its SLURM **allocation** in the marketplace, and the **account** on the cluster: open,
closed for new jobs, or none. For members: resource, allocation, and whether the account has the person.

The next run is an undisturbed one. A run is `completed`, or `failed`: then a person should look. All orders
of one fault were in one run, and so were all states of one kind.
"""
HEADING = "| order, before | fault | the run | after it | after the next run |\n|---|---|---|---|---|\n"


@dataclass(frozen=True, order=True)
class Row:
    """One order in one state that met one fault."""

    kind: str
    before: str
    fault: str
    run: str
    after: str
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
            f"| {row.before} | {row.fault} | {row.run} | {row.after} | "
            f"{'the same' if row.next == row.after else row.next} |\n"
            for row in sorted(told, key=lambda row: (row.fault != UNDISTURBED, *row.key))
            if row.kind == kind
        ]
        parts.append(f"\n## {kind[0].upper()}{kind[1:]}\n\n{HEADING}{''.join(lines)}")
    return "".join(parts)
