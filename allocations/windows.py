"""One reading of the books cut into windows: what a job used is known for any part of the time that it ran.

That is so for a job that was never suspended: it ran from its start to its end. When a suspended job's time
reaches over a cut, only SLURM knows on which side the suspension was: it is torn, and asked for again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from allocations.suspension import SUSPENDED
from allocations.usage import Jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime


def torn_jobs(jobs: Jobs, cuts: Sequence[datetime]) -> tuple[str, ...]:
    """The ids of the jobs with a suspension that a cut, or nobody knows which, may lie in."""
    records = jobs.records
    begin = records["start_epoch"].to_numpy()
    end = begin + records["span_seconds"].to_numpy()
    suspended = records["elapsed_seconds"].to_numpy() < records["span_seconds"].to_numpy()
    torn = np.zeros(len(records), np.bool_)
    for cut in cuts:
        at = int(cut.timestamp())
        torn |= (begin < at) & (at < end) & (suspended | (records["state"].to_numpy() == SUSPENDED))
    return tuple(sorted(set(records["job_id"].to_numpy()[torn])))


def within(jobs: Jobs, start: datetime, end: datetime, without: Collection[str] = ()) -> Jobs:
    """What of the jobs lies within [start, end); the others used nothing of it and are left out.

    Those in `without` are left out as well. A record that never ran is kept: it counts zero anywhere.
    """
    records = jobs.records
    begin = records["start_epoch"].to_numpy()
    span = records["span_seconds"].to_numpy()
    first = np.maximum(begin, int(start.timestamp()))
    inside = np.minimum(begin + span, int(end.timestamp())) - first
    kept = (inside > 0) | (span == 0)
    if without:
        kept &= ~records["job_id"].isin(list(without)).to_numpy()
    whole = inside == span
    elapsed = np.where(whole, records["elapsed_seconds"].to_numpy(), inside)
    cut = records.assign(
        start_epoch=first, span_seconds=inside.clip(min=0), elapsed_seconds=elapsed.clip(min=0)
    )
    return Jobs(cut[kept].reset_index(drop=True), jobs.alloc_tres[kept].reset_index(drop=True))


def joined(one: Jobs, other: Jobs) -> Jobs:
    """Both."""
    columns = list(dict.fromkeys([*one.alloc_tres.columns, *other.alloc_tres.columns]))
    tables = [jobs.alloc_tres.reindex(columns=columns, fill_value=0) for jobs in (one, other)]
    text = ["account", "user", "state", "job_id"]
    records = [jobs.records.astype(dict.fromkeys(text, "object")) for jobs in (one, other)]
    return replace(
        one,
        records=pd.concat(records, ignore_index=True),
        alloc_tres=pd.concat(tables, ignore_index=True),
    )
