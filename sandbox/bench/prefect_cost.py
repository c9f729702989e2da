"""`python -m sandbox.bench.prefect_cost`: what an empty flow's run costs, and one empty task in it.

Seconds and CPU seconds of the process. Prefect is loaded by name: the sandbox does without it otherwise.
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
    """Print the medians: seconds of a run and of a task, CPU seconds of a run and of a task."""
    prefect: Any = importlib.import_module("prefect")
    policies: Any = importlib.import_module("prefect.cache_policies")

    def nothing() -> None:
        pass

    task = prefect.task(nothing, cache_policy=policies.NO_CACHE)

    def several(count: int) -> None:
        for _ in range(count):
            task()

    run = prefect.flow(several, name="bench")
    run(1)  # what is imported and connected once
    taken: dict[int, list[tuple[float, float]]] = {0: [], TASKS: []}
    for count, runs in taken.items():  # the empty ones first: after many tasks the server is busy for a while
        for _ in range(RUNS):
            began = time.perf_counter(), time.process_time()
            run(count)
            runs.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    for clock in (0, 1):
        alone, full = (statistics.median(one[clock] for one in runs) for runs in taken.values())
        sys.stdout.write(f"{alone} {(full - alone) / TASKS} ")


if __name__ == "__main__":
    main()
