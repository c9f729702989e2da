"""Job records as they stand, cut into windows: what a job used is known for any part of the time that it ran.

That is so for a job that was never suspended: it ran from its start to its end. When a suspended job's time
reaches over a window's bound, only SLURM knows on which side the suspension was: it is torn, and asked for
again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from allocations.suspension import SUSPENDED
from allocations.usage import Jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Lives:
    """Job records from their start to their end, or to a moment that is not after now.

    `suspended`: of each record, whether it ever was. The `elapsed_seconds` of such a one are right only when
    it has ended.
    """

    jobs: Jobs
    suspended: NDArray[np.bool_]


def torn_jobs(lives: Lives, bounds: Sequence[datetime]) -> tuple[str, ...]:
    """The ids of the jobs with a suspension on nobody knows which side of one of the windows' bounds.

    A record that ends where the last window does may go on after it.
    """
    records = lives.jobs.records
    begin = records["start_epoch"].to_numpy()
    end = begin + records["span_seconds"].to_numpy()
    torn = np.zeros(len(records), np.bool_)
    for bound in bounds:
        at = int(bound.timestamp())
        torn |= (begin < at) & (at <= end)
    torn &= lives.suspended | (records["state"].to_numpy() == SUSPENDED)
    return tuple(sorted(set(records["job_id"].to_numpy()[torn])))


def ids_within(jobs: Jobs, start: datetime, end: datetime, among: Collection[str]) -> tuple[str, ...]:
    """The ids of those jobs, among some, that used something of [start, end)."""
    if not among:
        return ()
    records = only(jobs, among).records
    begin = records["start_epoch"].to_numpy()
    late = begin + records["span_seconds"].to_numpy() > int(start.timestamp())
    inside = late & (begin < int(end.timestamp()))
    return tuple(sorted(set(records["job_id"].to_numpy()[inside])))


def only(jobs: Jobs, job_ids: Collection[str]) -> Jobs:
    """Every record of some of the jobs."""
    kept = jobs.records["job_id"].isin(list(job_ids)).to_numpy()
    return Jobs(jobs.records[kept].reset_index(drop=True), jobs.alloc_tres[kept].reset_index(drop=True))


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
