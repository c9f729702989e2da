"""What slurmdbd says was used: its job records, and its own books, hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.hours import HOUR, whole_hour
from allocations.reconcile import add_books
from slurm_io.books import has_rollup, parse_books, parse_reservations
from slurm_io.commands import show_association_ids
from slurm_io.commands_books import (
    show_account_usage,
    show_cluster_usage,
    show_reservations,
)
from slurm_io.parsing_transactions import parse_association_ids
from slurm_io.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allocations.accounts import ClusterName
    from allocations.days import WindowUsage
    from allocations.reconcile import Books, Reservation
    from allocations.usage import Jobs
    from slurm_io.job_records import JobRecords

SACCT_TIMEOUT = 600.0
HOURS_BACK = 6
"""For how long slurmdbd's rollup may be behind before it counts as not running."""


@dataclass(frozen=True, slots=True)
class Accounting(Scope):
    """One cluster's accounting; `slurm_io.client.Slurm` is the whole door."""

    @property
    def job_records(self) -> JobRecords:
        """What sacct says."""
        from slurm_io.job_records import JobRecords  # noqa: PLC0415 - the tables take time to import

        return JobRecords(self.runner, self.cluster)

    def fetch_jobs(self, start: datetime, end: datetime) -> Jobs:
        """The job records of all accounts that overlap [start, end), clipped to it."""
        return self.job_records.fetch_jobs(start, end)

    def fetch_usage(self, start: datetime, end: datetime) -> WindowUsage:
        """What the job records say was used in [start, end), by account and user."""
        return self.fetch_windows(start, end)[0]

    def fetch_windows(self, *bounds: datetime) -> tuple[WindowUsage, ...]:
        """The same for consecutive windows, the bounds first to last, with one sacct for all of them.

        Raises:
            SlurmUnavailable: jobs were suspended and resumed faster than they could be read.
            SlurmError: as the runner and the parser raise them.
        """
        return self.job_records.fetch_windows(*bounds)

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
