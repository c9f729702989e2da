"""One run of the benchmark: start, fill, measure, stop."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.bench import old_agent
from sandbox.bench.filling import fill
from sandbox.bench.measuring import Bench
from sandbox.bench.metering import Meter
from sandbox.stack import CHECKOUT, Stack

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from sandbox.bench.sizes import Size

FOLDER = CHECKOUT / ".sandbox" / "bench"


def bench(
    name: str, size: Size, console: Console, files: Iterable[Path], folder: Path | None = None
) -> dict[str, Any]:
    """A run on a stack of its own, which is stopped at the end; what was measured is also in the files.

    Raises:
        SandboxError: something could not be started, or a program failed.
    """
    console.print("starting a cluster, the marketplace's stand-in and Prefect's server ...")
    old_agent.python()
    stack = Stack(folder or FOLDER / f"size-{name}")
    began = datetime.now(UTC).replace(microsecond=0)
    run: dict[str, Any] = {"size": name, "measured": f"{began:%Y-%m-%d}", "cores": os.cpu_count()}

    def keep() -> None:
        run["minutes"] = round((datetime.now(UTC) - began).total_seconds() / 60, 1)
        run["load"] = round(os.getloadavg()[2], 1)
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(run, indent=1) + "\n")

    try:
        stack.prepare()
        console.print(
            f"filling: {size.allocations:,} allocations, {size.users:,} users, {size.jobs:,} jobs ..."
        )
        begin = datetime.now(UTC).replace(microsecond=0)
        projects, jobs = fill(stack, size, begin)
        run["filled_seconds"] = round((datetime.now(UTC) - begin).total_seconds(), 1)
        run["slurm"] = stack.cluster.run("sacct", "--version").split()[-1]
        run["site"] = {
            **asdict(size),
            "jobs": jobs,
            "projects": size.projects,
            "associations": size.associations,
        }
        measures = Bench(
            Meter(stack), size, projects, begin, lambda line: console.print(line, highlight=False), keep
        )
        run |= {"rows": measures.rows, "figures": measures.figures}
        measures.measure()
    finally:
        stack.stop()
    return run
