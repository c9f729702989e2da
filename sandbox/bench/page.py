"""docs/benchmarks.md from its runs: `make bench-docs`. What is written by hand there stays."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from sandbox.bench.growth import STEPS, exponent, plot
from sandbox.bench.ratios import ratios
from sandbox.bench.sizes import SIZES
from sandbox.bench.table import COLUMNS, cells, figures_in_words
from sandbox.stack import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAGE = CHECKOUT / "docs" / "benchmarks.md"
RUNS = CHECKOUT / "docs" / "benchmarks"
PLOT = "growth.svg"
CPU = (
    "Of seconds, and of CPU seconds: those of the programs, of slurmdbd and of its database together. On a"
    " busy machine, what mostly waits keeps its seconds and what mostly computes does not, so there the"
    " ratio of CPU seconds is the one to look at."
)
BEGIN, END = "<!-- made by `make bench-docs` from docs/benchmarks/*.json -->", "<!-- up to here -->"


def runs() -> list[dict[str, Any]]:
    """The runs that are kept, the smallest first."""
    paths = (RUNS / f"{size}.json" for size in SIZES)
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def made(kept: Sequence[Mapping[str, Any]]) -> str:
    """All that is made of the runs."""
    parts = [compared(kept), growth(kept), *map(section, reversed(kept))]
    return "\n".join([BEGIN, "", *parts, END])


def section(run: Mapping[str, Any]) -> str:
    """One run."""
    site = run["site"]
    facts = (
        f"{site['associations']:,} associations of users with allocations, {site['projects']:,} projects.",
        f"Measured on {run['measured']}, SLURM {run['slurm']}, {run['cores']} cores, load {run['load']};",
        f"filled in {run['filled_seconds']:.0f} s, {run['minutes']:.0f} minutes in all.",
        *([run["note"]] if "note" in run else []),
    )
    title = (
        f"{run['size']}: {site['allocations']:,} allocations, {site['users']:,} users, {site['jobs']:,} jobs"
    )
    table, words = markdown(COLUMNS, cells(run)), " ".join(figures_in_words(run["figures"]))
    return f"## {title}\n\n{' '.join(facts)}\n\n{table}\n\n{words}\n"


def compared(kept: Sequence[Mapping[str, Any]]) -> str:
    """The ratios of all runs, side by side."""
    found = {run["size"]: {ratio.what: ratio for ratio in ratios(run)} for run in kept}
    order = list(dict.fromkeys(what for one in found.values() for what in one))
    lines = []
    for what in order:
        several = [one.get(what) for one in found.values()]
        aim = next(one.aim for one in several if one)
        seconds = (number(one.seconds) if one else "" for one in several)
        cpu = (number(one.cpu_seconds) if one and one.cpu_seconds is not None else "" for one in several)
        lines.append((what, *seconds, *cpu, aim))
    headings = (
        "",
        *(f"{size}, seconds" for size in found),
        *(f"{size}, CPU" for size in found),
        "aim (seconds)",
    )
    return f"## Ratios within one run\n\n{CPU}\n\n{markdown(headings, lines)}\n"


def growth(kept: Sequence[Mapping[str, Any]]) -> str:
    """How steps grow with what they must read."""
    lines = []
    for step in STEPS:
        points = step.points(kept)
        if len(points) > 1:
            seconds = " → ".join(number(second) for _, second in points)
            lines.append((step.title, step.over, seconds, f"{exponent(points):.2f}"))
    return f"""\
## Growth

Of CPU seconds: those of the programs, of slurmdbd and of its database together. The exponent is that of
the line through the sizes, both axes logarithmic: 1 is linear, 0 is not growing. A run's start is included;
of joining it is what it takes beyond a run with nothing to do.

{markdown(("step", "over", "CPU seconds", "exponent"), lines)}

![CPU seconds over what must be read, both axes logarithmic](benchmarks/{PLOT})
"""


def markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table."""
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in row)} |" for row in rows)


def number(value: float) -> str:
    """Three digits that count."""
    digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 3)}f}"


def with_made(page: str, text: str) -> str:
    """The page with what is made in its place."""
    before, _, rest = page.partition(BEGIN)
    return before + text + rest.partition(END)[2]


def main() -> int:
    """Write the page and its plot. The exit code."""
    kept = runs()
    if not kept:
        sys.stderr.write(f"there is no run in {RUNS}: `make bench SIZE=S` with --for-docs makes one\n")
        return 1
    (RUNS / PLOT).write_text(plot(kept))
    PAGE.write_text(with_made(PAGE.read_text(), made(kept)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
