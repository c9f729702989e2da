"""`cloudrock-slurm doctor`: what is wrong with the site, why it matters, and what mends it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from allocations.checkup import NOT_LOOKED_AT_WHY, Check, Level, worst
from cloudrock_slurm.ending import calm_ending
from flows.examining import close_breaker, examine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allocations.checkup import Diagnosis

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}

WIDEST_LEVEL = max(len(level.value) for level in Level)
WIDEST_TITLE = max(len(check.title) for check in Check)


def doctor(*, as_json: bool = False, reset_breaker: bool = False) -> int:
    """Print what was found; 0 when all is well, 1 for warnings, 2 for errors."""
    with calm_ending():
        if reset_breaker:
            sys.stderr.write(f"the circuit breaker is closed; before: {close_breaker()}\n")
        diagnoses = examine()
    if as_json:
        sys.stdout.write(json.dumps(as_tree(diagnoses), indent=2) + "\n")
    else:
        show(diagnoses, Console(highlight=False))
    return worst(diagnoses).badness


def show(diagnoses: Sequence[Diagnosis], console: Console) -> None:
    """A table for each part of the site, and one line that sums up."""
    for area, found in groupby(diagnoses, key=lambda one: one.check.area):
        table = Table(
            title=Text(area.value, style="bold"), title_justify="left", show_header=False, expand=True
        )
        table.add_column(no_wrap=True, min_width=WIDEST_LEVEL)
        table.add_column(no_wrap=True, min_width=WIDEST_TITLE)
        table.add_column(overflow="fold", ratio=1)
        for one in found:
            table.add_row(
                Text(one.level.value, style=STYLES[one.level]), Text(one.check.title), Text(words_of(one))
            )
        console.print(table)
    console.print(Text(summary(diagnoses), style=STYLES[worst(diagnoses)]))


def words_of(one: Diagnosis) -> str:
    """What was found, and what follows where something is wrong; of what was not looked at, only why not."""
    if not one.why or one.why == NOT_LOOKED_AT_WHY:
        return one.found
    return f"{one.found}\nwhy: {one.why}\nmend: {one.mend}"


def summary(diagnoses: Sequence[Diagnosis]) -> str:
    """`2 errors, 1 warning, 20 OK`."""
    number = Counter(one.level for one in diagnoses)
    plurals = {
        level: f"{level.value}{'' if number[level] == 1 else 's'}" for level in (Level.ERROR, Level.WARNING)
    }
    words = [f"{number[level]} {plural}" for level, plural in plurals.items() if number[level]]
    return ", ".join([*words, f"{number[Level.OK]} OK"])


def as_tree(diagnoses: Sequence[Diagnosis]) -> dict[str, Any]:
    """The same for a program."""
    return {
        "level": worst(diagnoses).value,
        "summary": summary(diagnoses),
        "findings": [
            {
                "area": one.check.area.value,
                "check": one.check.title,
                "level": one.level.value,
                "found": one.found,
                "why": one.why,
                "mend": one.mend,
            }
            for one in diagnoses
        ],
    }
