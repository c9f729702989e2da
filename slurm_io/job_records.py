"""What slurmdbd's job records say: read with sacct, and cut into windows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from allocations.days import window_usage
from allocations.resizing import since_resize
from allocations.suspension import less_open_suspensions, suspended_jobs
from allocations.windows import joined, torn_jobs, within
from slurm_io.accounting import SACCT_TIMEOUT
from slurm_io.commands import show_jobs, show_these_jobs
from slurm_io.errors import SlurmUnavailable
from slurm_io.parsing_jobs import parse_jobs

if TYPE_CHECKING:
    from datetime import datetime

    from allocations.accounts import ClusterName
    from allocations.days import WindowUsage
    from allocations.usage import Jobs
    from slurm_io.runner import Runner

READINGS = 3
"""How often a window is read when jobs are suspended and resumed meanwhile."""


@dataclass(frozen=True, slots=True)
class JobRecords:
    """The job records of one cluster, as `slurm_io.accounting.Accounting` gives them out."""

    runner: Runner
    cluster: ClusterName

    def fetch_jobs(self, start: datetime, end: datetime) -> Jobs:
        """The job records of all accounts that overlap [start, end), clipped to it."""
        return since_resize(
            parse_jobs(self.runner.run(show_jobs(start, end, self.cluster), timeout=SACCT_TIMEOUT))
        )

    def fetch_windows(self, *bounds: datetime) -> tuple[WindowUsage, ...]:
        """The usage of consecutive windows, the bounds first to last, with one sacct for all of them.

        Raises:
            SlurmUnavailable: jobs were suspended and resumed faster than they could be read.
            SlurmError: as the runner and the parser raise them.
        """
        for _ in range(READINGS):
            whole = self.fetch_jobs(bounds[0], bounds[-1])
            torn = torn_jobs(whole, bounds[1:-1])
            windows = [self._window(whole, torn, start, end) for start, end in pairwise(bounds)]
            good = tuple(window for window in windows if window)
            if len(good) == len(windows):
                return good
        raise SlurmUnavailable("jobs were suspended or resumed while sacct read them, three times in a row")

    def _window(
        self, whole: Jobs, torn: tuple[str, ...], start: datetime, end: datetime
    ) -> WindowUsage | None:
        """One window of a reading; None when jobs have changed since that was made."""
        jobs: Jobs | None = within(whole, start, end, torn)
        if jobs and torn:
            jobs = joined(jobs, self._fetch_these(torn, end, start, clipped=True))
        if jobs and (suspended := suspended_jobs(jobs)):
            lives = self._fetch_these(suspended, end, clipped=True)
            jobs = less_open_suspensions(jobs, lives, self._fetch_these(suspended, end, clipped=False))
        return window_usage(start, end, jobs) if jobs is not None else None

    def _fetch_these(
        self, job_ids: tuple[str, ...], end: datetime, start: datetime | None = None, *, clipped: bool
    ) -> Jobs:
        command = show_these_jobs(self.cluster, job_ids, end, start, clipped=clipped)
        return since_resize(parse_jobs(self.runner.run(command, timeout=SACCT_TIMEOUT)))
