"""Suspensions that are still open: sacct knows of them only once they have ended, slurmdbd's rollup at once.

sacct clips a suspended job to a window as if it were running, less the suspensions that have ended. As the
record stands now, unclipped, its elapsed seconds are those in which it really ran.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from allocations.usage import Jobs

SUSPENDED = "SUSPENDED"


def suspended_jobs(jobs: Jobs) -> tuple[str, ...]:
    """The ids of the jobs that are suspended now."""
    return tuple(elapsed_while_suspended(jobs).index)


def elapsed_while_suspended(jobs: Jobs) -> pd.Series[int]:
    """Job id to elapsed seconds of each record that is suspended now; a job has one such record at most."""
    records = jobs.records[(jobs.records["state"] == SUSPENDED).to_numpy()]
    elapsed: pd.Series[int] = records.set_index("job_id")["elapsed_seconds"]
    return elapsed


def less_open_suspensions(window: Jobs, lives: Jobs, now: Jobs) -> Jobs | None:
    """The window's jobs without the seconds of suspensions that are still open; None when they do not fit.

    Args:
        window: the jobs of a window [start, end), clipped to it.
        lives: all records of the suspended ones among them, clipped to [their start, end).
        now: the same records, not clipped.

    They do not fit when a job was suspended or resumed between the three readings: read again.
    """
    places = np.flatnonzero((window.records["state"] == SUSPENDED).to_numpy())
    job_ids = window.records["job_id"].to_numpy()[places]
    counted, ran = elapsed_while_suspended(lives), elapsed_while_suspended(now)
    if set(job_ids) - set(counted.index) or set(job_ids) - set(ran.index):
        return None
    still_open = (counted.loc[job_ids] - ran.loc[job_ids]).to_numpy(dtype="int64").clip(min=0)
    elapsed = window.records["elapsed_seconds"].to_numpy().copy()
    # within the window nothing else happens after the suspension began
    elapsed[places] -= np.minimum(still_open, window.records["span_seconds"].to_numpy()[places])
    if (elapsed < 0).any():
        return None
    return replace(window, records=window.records.assign(elapsed_seconds=elapsed))
