"""A resized job's later records begin with the whole job; the books do not know them before the resize.

slurmdbd sums up hour by hour and takes into an hour each record that was eligible before its end
(as_mysql_rollup.c); a record after a resize is eligible since then, though its start is the job's. So the
books have it from the beginning of the hour of the resize on. sacct knows it from the job's start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from allocations.usage import Jobs

RESIZING = "RESIZING"
"""The state of a record that ended where its job got another size."""
HOUR_SECONDS = 3600


def since_resize(jobs: Jobs) -> Jobs:
    """The jobs with each record after a resize cut at the beginning of the resize's hour, as in the books.

    The window that they were read for begins with a whole hour: a resize before it needs no cut.
    """
    records = jobs.records
    resized = records["state"].to_numpy() == RESIZING
    if not resized.any():
        return jobs
    start = records["start_epoch"].to_numpy()
    span = records["span_seconds"].to_numpy()
    moments = latest_resizes(records, resized, start + span)
    begin = np.where(moments > start, np.maximum(start, moments - moments % HOUR_SECONDS), start)
    late = begin - start
    elapsed = (records["elapsed_seconds"].to_numpy() - late).clip(min=0)
    return replace(
        jobs, records=records.assign(start_epoch=begin, span_seconds=span - late, elapsed_seconds=elapsed)
    )


def latest_resizes(
    records: pd.DataFrame, resized: NDArray[np.bool_], end: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each record the epoch of its job's last resize before the record's end; 0 without one."""
    ids = records["job_id"].to_numpy()
    moments: dict[str, list[int]] = {}
    for place in np.flatnonzero(resized):
        moments.setdefault(ids[place], []).append(int(end[place]))
    latest = np.zeros(len(records), np.int64)
    for place in np.flatnonzero(records["job_id"].isin(list(moments)).to_numpy()):
        before = [moment for moment in moments[ids[place]] if moment < end[place]]
        latest[place] = max(before, default=0)
    return latest
