"""A month counted and compared with slurmdbd's own books; stored days that no longer agree are read again.

Slurmdbd sums the hours up again when records come late or are corrected. So the comparison is also the
cheap look at all days that are only stored: where an account does not agree, its days are compared one by
one, and those that differ are read anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from allocations.hours import DAY
from allocations.reconcile import Verdict, children_of, reconcile
from allocations.usage import seconds_by_account
from flows import tasks
from flows.counting import LONGEST, SETTLING_DAYS, count_month
from flows.progress import Progress, say_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date, timedelta

    from allocations.billing import BillingPeriod
    from allocations.days import Counted
    from allocations.model import ClusterState
    from allocations.reconcile import Books, Reconciliation
    from flows.counting import DayStore, Noticed
    from slurm_io.client import Slurm


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What is counted, and how: one month of one cluster, up to one cutoff."""

    slurm: Slurm
    store: DayStore | None
    period: BillingPeriod
    cutoff: datetime
    now: datetime
    observed: Callable[[], ClusterState]
    """The cluster, asked for when the jobs are counted: it may be read beside that."""
    tres: tuple[str, ...]
    """What is compared: the components that are sold."""
    refresh: bool = False
    settling_days: int = SETTLING_DAYS
    kept_since: datetime | None = None
    """From when on slurmdbd still has all job records; None: for ever."""
    noticed: Noticed | None = None
    """Told what had changed in days that were read before, whatever becomes of the run."""
    longest: Callable[[], timedelta] = lambda: LONGEST
    """For how much time sacct may be asked at once, at the moment."""
    progress: Progress = field(default_factory=lambda: Progress("counting", say_nothing))

    def run(self) -> tuple[Counted, Reconciliation]:
        """The month, and how it stands to slurmdbd's books.

        Raises:
            SlurmError: SLURM did not answer; nothing is counted then.
        """
        rolled = tasks.fetch_rolled_until(self.slurm, self.cutoff)
        counted = self.count(rolled, refresh=self.refresh)
        verdict = self.compare(counted, rolled)
        if counted.stored and rolled and (suspects := self.suspects(counted, verdict)):
            counted = self.count(rolled, refresh=suspects)
            verdict = self.compare(counted, rolled)
        return counted, verdict

    def count(self, rolled: datetime | None, *, refresh: bool | Collection[date]) -> Counted:
        """The month, with some stored days read again."""
        return count_month(
            partial(tasks.read_usage, self.slurm),
            self.store,
            self.period,
            self.cutoff,
            read_several=self.progress.beside(
                lambda *bounds: tasks.read_usages(self.slurm, bounds), self.period, self.cutoff
            ),
            now=self.now,
            whole_until=max(rolled, self.period.start) if rolled else None,
            refresh=refresh,
            settling_days=self.settling_days,
            noticed=self.noticed,
            kept_since=self.kept_since,
            longest=self.longest,
        )

    def compare(self, counted: Counted, rolled: datetime | None) -> Reconciliation:
        """Ours beside the books, up to the last hour that slurmdbd has summed up."""
        start, until = self.period.start, counted.whole_until
        books = self.books(start, until) if rolled else None
        reservations = tasks.fetch_reservations(self.slurm, start, until) if books and start < until else ()
        return reconcile(
            seconds_by_account(counted.whole_hours),
            books,
            self.tres,
            below=children_of(self.observed()),
            reservations=reservations,
            until=until,
        )

    def books(self, start: datetime, until: datetime) -> Books:
        """Slurmdbd's own sums."""
        return tasks.fetch_books(self.slurm, start, until, self.tres)

    def suspects(self, counted: Counted, verdict: Reconciliation) -> frozenset[date]:
        """The stored days on which an account that does not agree differs from the books."""
        accounts = {line.account for line in verdict.with_verdict(Verdict.MISMATCH)}
        found = set()
        for day in counted.stored if accounts else ():
            start = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
            ours = seconds_by_account(counted.days[day])
            books = self.books(start, start + DAY)
            below = children_of(self.observed())
            lines = reconcile(ours, books, self.tres, below=below, until=start + DAY).lines
            if any(line.account in accounts and line.verdict is Verdict.MISMATCH for line in lines):
                found.add(day)
        return frozenset(found)
