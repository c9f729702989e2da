"""`python -m sandbox.bench.prefect_cost`: seconds of an empty flow's run, and of one empty task in it.

Prefect is loaded by name: the sandbox does without it otherwise.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from typing import Any

TASKS = 200
RUNS = 3


def main() -> None:
    """Print the medians."""
    prefect: Any = importlib.import_module("prefect")

    def nothing() -> None:
        pass

    task = prefect.task(nothing)

    def several(count: int) -> None:
        for _ in range(count):
            task()

    run = prefect.flow(several, name="bench")
    run(1)  # what is imported and connected once
    taken: dict[int, list[float]] = {0: [], TASKS: []}
    for _ in range(RUNS):
        for count, seconds in taken.items():
            began = time.perf_counter()
            run(count)
            seconds.append(time.perf_counter() - began)
    alone, full = (statistics.median(seconds) for seconds in taken.values())
    sys.stdout.write(f"{alone} {(full - alone) / TASKS}\n")


if __name__ == "__main__":
    main()
