"""One count of a month in a process of its own: its time and its peak memory are what a run costs.

`python -m sandbox.bench.counting FOLDER YYYY-MM`; prints what it counted as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from datetime import timedelta
from pathlib import Path

from allocations.billing import BillingPeriod
from allocations.usage import seconds_by_account
from flows.counting import count_month
from flows.day_store import ParquetDays
from sandbox.inherited import environment
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.runner import NativeRunner


def main(folder: str, month: str) -> None:
    """Count the month as push-usage does in its last minute, with a store in the folder."""
    importlib.import_module("prefect")  # a run has it in memory as well
    slurm = Slurm(NativeRunner({**environment(), **SLURM_ENVIRONMENT}))
    period = BillingPeriod.parse(month)
    begun = time.perf_counter()
    store = ParquetDays(Path(folder), slurm.fetch_cluster_name(), {"asked": "bench"})
    cutoff = period.end - timedelta(seconds=1)
    counted = count_month(slurm.fetch_usage, store, period, cutoff, read_several=slurm.fetch_windows)
    facts = {
        "seconds": time.perf_counter() - begun,
        "stored_days": len(counted.stored),
        "fingerprint": counted.fingerprint,
        "records": sum(counted.records.values()),
        "whole_until": counted.whole_until.isoformat(),
        "totals": seconds_by_account(counted.whole_hours),
    }
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
