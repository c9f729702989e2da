"""SLURM as the flows see it: observe the cluster, apply a change, read the jobs of a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from allocations.days import HOUR, whole_hour, window_usage
from allocations.model import AddUsers
from allocations.reconcile import add_books
from allocations.suspension import less_open_suspensions, suspended_jobs
from allocations.windows import joined, torn_jobs, within
from slurm_io.books import (
    has_rollup,
    parse_association_ids,
    parse_books,
    parse_clusters,
    parse_reservations,
)
from slurm_io.commands import (
    commands_for,
    show_account_usage,
    show_association_ids,
    show_associations,
    show_cluster_usage,
    show_clusters,
    show_jobs,
    show_reservations,
    show_these_jobs,
)
from slurm_io.errors import SlurmCommandFailed, SlurmMisconfigured, SlurmUnavailable, UnexpectedSlurmOutput
from slurm_io.parsing import parse_associations, parse_jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from allocations.accounts import AccountName
    from allocations.days import WindowUsage
    from allocations.model import Change, ClusterState
    from allocations.reconcile import Books, Reservation
    from allocations.usage import Jobs
    from slurm_io.runner import Runner

WINDOW = timedelta(days=1)
"""One sacct's share of a period: 610,000 jobs of a month took 958 MB in one call and 35 MB in daily ones."""
SACCT_TIMEOUT = 600.0
READINGS = 3
"""How often a window is read when jobs are suspended and resumed meanwhile."""
HOURS_BACK = 6
"""For how long slurmdbd's rollup may be behind before it counts as not running."""

SLURM_ENVIRONMENT = {"TZ": "UTC", "SLURM_TIME_FORMAT": "%s", "LC_ALL": "C.UTF-8"}
"""What every command needs in its environment for the parsers to be right."""


@dataclass(frozen=True, slots=True)
class Slurm:
    """One cluster."""

    runner: Runner
    default_account: AccountName

    def observe(self) -> ClusterState:
        """All accounts and associations of the cluster, in one call."""
        return parse_associations(self.runner.run(show_associations()))

    def apply(self, change: Change, observed: ClusterState) -> None:
        """Carry out one change; one that has been carried out before is fine.

        SLURM answers an add that changes nothing as it answers one that it could not do (exit 1, no other
        word), so only observing the cluster again tells: whoever applies a plan does that.

        Raises:
            SlurmMisconfigured: users can only be added while the default account exists.
            SlurmError: as the runner raises them.
        """
        if isinstance(change, AddUsers) and self.default_account not in observed.accounts:
            raise SlurmMisconfigured(
                f"SLURM_DEFAULT_ACCOUNT: the account {self.default_account!r} is not on the cluster: "
                f"make it once with `sacctmgr -i add account name={self.default_account}`"
            )
        for command in commands_for(change, self.default_account, observed.users):
            try:
                self.runner.run(command)
            except SlurmCommandFailed as refusal:
                if not refusal.changed_nothing:
                    raise

    def fetch_jobs(self, start: datetime, end: datetime) -> Jobs:
        """The job records of all accounts that overlap [start, end), clipped to it."""
        return parse_jobs(self.runner.run(show_jobs(start, end), timeout=SACCT_TIMEOUT))

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
        command = show_these_jobs(job_ids, end, start, clipped=clipped)
        return parse_jobs(self.runner.run(command, timeout=SACCT_TIMEOUT))

    def fetch_cluster_name(self) -> str:
        """The name of the one cluster that slurmdbd knows.

        Raises:
            UnexpectedSlurmOutput: it knows several.
        """
        names = parse_clusters(self.runner.run(show_clusters()))
        if len(names) > 1:
            raise UnexpectedSlurmOutput("sacctmgr show cluster", ", ".join(names), "one cluster")
        return names[0]

    def fetch_rolled_until(self, moment: datetime) -> datetime | None:
        """The last whole hour, not after the moment, up to which slurmdbd has summed up; None: not lately."""
        until = whole_hour(moment)
        for _ in range(HOURS_BACK):
            if has_rollup(self.runner.run(show_cluster_usage(until - HOUR, until))):
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
            bounds: self.runner.run(show_account_usage(*bounds, tres), timeout=SACCT_TIMEOUT)
            for bounds in parts
            if bounds[0] < bounds[1]
        }
        return add_books(start, until, [parse_books(text, *bounds) for bounds, text in texts.items()])

    def fetch_reservations(self, start: datetime, until: datetime) -> tuple[Reservation, ...]:
        """The reservations that overlap [start, until), with the accounts that may use them."""
        text = self.runner.run(show_reservations(start, until))
        if not text:
            return ()
        return parse_reservations(text, parse_association_ids(self.runner.run(show_association_ids())))


def windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Consecutive half-open windows that make up [start, end)."""
    while start < end:
        until = min(start + WINDOW, end)
        yield start, until
        start = until
