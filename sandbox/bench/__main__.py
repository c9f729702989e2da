"""`make bench [SIZE=S|M|L]`: what a pull and a push cost beside the bare commands and beside the old agents.

One run of a real cluster, the marketplace's stand-in and a Prefect server, filled to the size.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from sandbox.bench import page
from sandbox.bench.running import FOLDER, bench
from sandbox.bench.sizes import SIZES
from sandbox.bench.table import show
from sandbox.slurm import SandboxError

WIDTH = 160
"""Of the tables where there is no terminal to say: in a file or a log."""


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.bench", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="S", help="how much there is (default: %(default)s)")
    parser.add_argument("--for-docs", action="store_true", help="also keep the run in docs/benchmarks")
    asked = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    places = [FOLDER, *([page.RUNS] if asked.for_docs else [])]
    try:
        run = bench(
            asked.size, SIZES[asked.size], console, [place / f"{asked.size}.json" for place in places]
        )
    except SandboxError as error:
        console.print(f"[red]Failed:[/] {error}", highlight=False)
        return 1
    show(run, console)
    console.print(f"[dim]{places[-1] / asked.size}.json[/]", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
