"""What slurmdbd's job records say: read with sacct, and cut into windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from allocations.days import window_usage
from allocations.resizing import since_resize
from allocations.suspension import less_open_suspensions, suspended_jobs
from allocations.windows import Lives, ids_within, joined, only, torn_jobs, within
from slurm_io.accounting import SACCT_TIMEOUT
from slurm_io.commands import show_jobs, show_lives, show_these_jobs
from slurm_io.errors import SlurmUnavailable
from slurm_io.parsing_jobs import parse_jobs, parse_lives

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allocations.accounts import ClusterName
    from allocations.days import WindowUsage
    from allocations.usage import Jobs
    from slurm_io.commands import Command
    from slurm_io.runner import Runner

READINGS = 3
"""How often a window is read when jobs are suspended and resumed meanwhile."""
MANY = 1_000
"""So many jobs are not asked for by name, but among all of the window."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class JobRecords:
    """The job records of one cluster, as `slurm_io.accounting.Accounting` gives them out."""

    runner: Runner
    cluster: ClusterName

    def fetch_jobs(self, start: datetime, end: datetime) -> Jobs:
        """The job records of all accounts that overlap [start, end), clipped to it; errors as below."""
        (jobs,) = self._fetch(lambda _start, _end, jobs: jobs, start, end)
        return jobs

    def fetch_windows(self, *bounds: datetime) -> tuple[WindowUsage, ...]:
        """The usage of consecutive windows, the bounds first to last, with one sacct for all of them.

        Raises:
            SlurmUnavailable: jobs were suspended and resumed faster than they could be read.
            SlurmError: as the runner and the parser raise them.
        """
        return self._fetch(window_usage, *bounds)

    def _fetch(self, make: Callable[[datetime, datetime, Jobs], Made], *bounds: datetime) -> tuple[Made, ...]:
        for _ in range(READINGS):
            lives = self._fetch_lives(bounds[0], bounds[-1])
            torn = torn_jobs(lives, bounds)
            made = [
                make(start, end, jobs)
                for start, end in pairwise(bounds)
                if (jobs := self._window(lives.jobs, torn, start, end)) is not None
            ]
            if len(made) == len(bounds) - 1:
                return tuple(made)
        raise SlurmUnavailable("jobs were suspended or resumed while sacct read them, three times in a row")

    def _window(self, whole: Jobs, torn: tuple[str, ...], start: datetime, end: datetime) -> Jobs | None:
        """One window of a reading; None when jobs have changed since that was made."""
        jobs = within(whole, start, end, torn)
        if mine := ids_within(whole, start, end, torn):
            again = self._fetch_clipped(mine, start, end)
            if set(mine) - set(again.records["job_id"]):
                return None
            jobs = joined(jobs, again)
        if not (suspended := suspended_jobs(jobs)):
            return jobs
        clipped = self._fetch_these(suspended, end, clipped=True)
        return less_open_suspensions(jobs, clipped, self._fetch_these(suspended, end, clipped=False))

    def _fetch_lives(self, start: datetime, end: datetime) -> Lives:
        command = show_lives(start, end, self.cluster)
        lives = parse_lives(self.runner.run(command, timeout=SACCT_TIMEOUT), end)
        return replace(lives, jobs=since_resize(lives.jobs))

    def _fetch_clipped(self, job_ids: tuple[str, ...], start: datetime, end: datetime) -> Jobs:
        """The records of these jobs in a window, clipped to it by SLURM.

        Asked for the number of an array, or of a heterogeneous job, sacct shows all that belongs to it.
        """
        if len(job_ids) > MANY:
            command = show_jobs(start, end, self.cluster)
        else:
            command = show_these_jobs(self.cluster, job_ids, end, start, clipped=True)
        return only(self._parsed(command), job_ids)

    def _fetch_these(self, job_ids: tuple[str, ...], end: datetime, *, clipped: bool) -> Jobs:
        return self._parsed(show_these_jobs(self.cluster, job_ids, end, clipped=clipped))

    def _parsed(self, command: Command) -> Jobs:
        return since_resize(parse_jobs(self.runner.run(command, timeout=SACCT_TIMEOUT)))
