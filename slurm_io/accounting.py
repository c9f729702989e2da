"""What slurmdbd's job records and its own books say: read, cut into windows, compared hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from allocations.days import HOUR, whole_hour, window_usage
from allocations.reconcile import add_books
from allocations.resizing import since_resize
from allocations.suspension import less_open_suspensions, suspended_jobs
from allocations.windows import joined, torn_jobs, within
from slurm_io.books import has_rollup, parse_books, parse_reservations
from slurm_io.commands import show_association_ids, show_jobs, show_these_jobs
from slurm_io.commands_books import (
    show_account_usage,
    show_cluster_usage,
    show_reservations,
)
from slurm_io.errors import SlurmUnavailable
from slurm_io.parsing import parse_jobs
from slurm_io.parsing_transactions import parse_association_ids
from slurm_io.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allocations.accounts import ClusterName
    from allocations.days import WindowUsage
    from allocations.reconcile import Books, Reservation
    from allocations.usage import Jobs

SACCT_TIMEOUT = 600.0
READINGS = 3
"""How often a window is read when jobs are suspended and resumed meanwhile."""
HOURS_BACK = 6
"""For how long slurmdbd's rollup may be behind before it counts as not running."""


@dataclass(frozen=True, slots=True)
class Accounting(Scope):
    """One cluster's accounting; `slurm_io.client.Slurm` is the whole door."""

    def fetch_jobs(self, start: datetime, end: datetime) -> Jobs:
        """The job records of all accounts that overlap [start, end), clipped to it."""
        return since_resize(
            parse_jobs(self.runner.run(show_jobs(start, end, self.cluster), timeout=SACCT_TIMEOUT))
        )

    def fetch_usage(self, start: datetime, end: datetime) -> WindowUsage:
        """What the job records say was used in [start, end), by account and user."""
        return self.fetch_windows(start, end)[0]

    def fetch_windows(self, *bounds: datetime) -> tuple[WindowUsage, ...]:
        """The same for consecutive windows, the bounds first to last, with one sacct for all of them.

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

    def fetch_cluster_name(self) -> ClusterName:
        """Ours, which slurmdbd has: of one that it has not, sacct would say that nothing was used."""
        return self.settle(self.fetch_clusters())

    def fetch_rolled_until(self, moment: datetime) -> datetime | None:
        """The last whole hour, not after the moment, up to which slurmdbd has summed up; None: not lately."""
        until = whole_hour(moment)
        for _ in range(HOURS_BACK):
            if has_rollup(self.runner.run(show_cluster_usage(self.cluster, until - HOUR, until))):
                return until
            until -= HOUR
        return None

    def fetch_books(self, start: datetime, until: datetime, tres: Collection[str]) -> Books:
        """What slurmdbd itself has summed up of the whole hours [start, until).

        Whole days come from its daily sums and the rest from its hourly ones: a month of hours would be
        many times as many rows. Ask only up to `fetch_rolled_until`: what is not summed up yet looks unused.
        """
        midnight = until.replace(hour=0)
        parts = [(start, midnight), (max(start, midnight), until)]
        texts = {
            bounds: self.runner.run(show_account_usage(*bounds, tres, self.cluster), timeout=SACCT_TIMEOUT)
            for bounds in parts
            if bounds[0] < bounds[1]
        }
        return add_books(start, until, [parse_books(text, *bounds) for bounds, text in texts.items()])

    def fetch_reservations(self, start: datetime, until: datetime) -> tuple[Reservation, ...]:
        """The reservations that overlap [start, until), with the accounts that may use them."""
        text = self.runner.run(show_reservations(self.cluster, start, until))
        if not text:
            return ()
        return parse_reservations(
            text, parse_association_ids(self.runner.run(show_association_ids(self.cluster)))
        )
