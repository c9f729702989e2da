"""The backfill: past months counted again, and told as far as the marketplace takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefect.states import Completed, Failed

from allocations.backfilling import chosen, claimed_once, verdict_on
from allocations.billing import BillingPeriod
from allocations.errors import InvalidPeriod
from allocations.reports import reportable
from allocations.retention import purge_refusal
from flows import tasks, usage_tasks
from flows.artifacts import publish_backfill
from flows.audit import audit_folder, keep_record
from flows.census import Census
from flows.choices import DatedUsage
from flows.expected import EXPECTED
from flows.month_again import MonthAgain

if TYPE_CHECKING:
    import logging
    from datetime import datetime
    from pathlib import Path

    from prefect.client.schemas.objects import State

    from flows.census import Doors

    Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]

NO_DATES = "the marketplace books usage under its current month only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an operator asked for."""

    months: tuple[BillingPeriod, ...]
    allocation: str | None = None
    dry_run: bool = False
    allow_decrease: bool = False


@dataclass(slots=True)
class Backfill:
    """One run over its months; one month's trouble is not the others'."""

    doors: Doors
    wish: Wish
    now: datetime
    logger: Logger
    problems: list[str] = field(default_factory=list)

    def run(self) -> State[Any]:
        """The whole of it: each month by itself, and an honest end."""
        current = self.current_month()
        unready = [month for month in self.wish.months if month >= current]
        if unready:
            raise InvalidPeriod(
                f"period {unready[0]}: not over yet: expected a past month; the current one is reported by "
                "push-usage without a period"
            )
        folder = audit_folder(self.doors.settings.state_dir)
        census = self.census()
        dated = self.dated()
        owner = tasks.fetch_me(self.doors.cloudrock).username
        retention = usage_tasks.fetch_retention(self.doors.slurm)
        sentences = []
        for month in self.wish.months:
            refusal = purge_refusal(month, retention, self.now)
            if refusal:
                self.problem(f"{refusal}: nothing was changed")
                continue
            again = MonthAgain(self.doors, census, self.wish, month, current, self.now, dated, self.logger)
            sentences.append(self.one_month(again, folder, owner))
        message = "; ".join([*sentences, *self.problems])
        return Failed(message=message) if self.problems else Completed(message=message)

    def one_month(self, again: MonthAgain, folder: Path, owner: str) -> str:
        """Count, tell, read back; what was done is kept whatever happens."""
        try:
            again.run()
        except EXPECTED as failure:
            again.problems.append(f"{again.month}: {failure}")
        well, sentence = verdict_on(again.month, again.lines, dry_run=self.wish.dry_run)
        if not well and not again.dated:
            again.problems.append(f"{again.month}: {NO_DATES}: what cannot be booked is in the table")
        elif not well:
            again.problems.append(f"{again.month}: not all of it is told: see the table")
        self.problem(*again.problems)
        for remark in again.remarks:
            self.logger.warning("%s", remark)
        kept = None
        if again.lines and not self.wish.dry_run:
            kept = keep_record(folder, str(again.month), again.lines, self.now, again.fingerprint, owner)
        publish_backfill(again.month, again.lines, [*again.remarks, *again.problems], sentence, kept)
        return sentence

    def current_month(self) -> BillingPeriod:
        """The month that is not over, by our clock and by the marketplace's: the earlier of the two."""
        tasks.fetch_offering(self.doors.cloudrock)
        theirs = self.doors.cloudrock.server_time or self.now
        return min(BillingPeriod.containing(self.now), BillingPeriod.containing(theirs))

    def census(self) -> Census:
        """All resources that ever had an account, also those that ended: their past months are theirs."""
        offering = tasks.fetch_offering(self.doors.cloudrock)
        accepted, strange = reportable(self.doors.components, offering)
        resources, unreadable = tasks.fetch_resources(self.doors.cloudrock)
        claims, doubled = claimed_once(resources)
        wanted = {one.uuid for one in chosen(resources, self.wish.allocation)}
        if not wanted:
            raise InvalidPeriod(
                f"allocation {self.wish.allocation!r}: expected the account of an allocation, or the uuid of "
                "its resource in the marketplace"
            )
        self.problem(*strange, *unreadable, *doubled)
        return Census(
            offering=offering,
            components={kind: self.doors.components[kind] for kind in accepted},
            resources=tuple(resources),
            claims=tuple(claim for claim in claims if claim[0].uuid in wanted),
            observed=tasks.observe_cluster(self.doors.slurm),
        )

    def dated(self) -> bool:
        """Whether billed amounts of a past month can be booked."""
        match self.doors.settings.dated_usage:
            case DatedUsage.YES:
                return True
            case DatedUsage.NO:
                return False
            case DatedUsage.AUTO:
                return usage_tasks.ask_for_dated_usage(self.doors.cloudrock)

    def problem(self, *texts: str) -> None:
        """Something that a person must look at: said in the log, and the run is red."""
        for text in texts:
            self.logger.error("%s", text)
        self.problems += texts


def backfill(doors: Doors, wish: Wish, now: datetime, logger: Logger) -> State[Any]:
    """Past months again: the run's final state says what was and what was not achieved."""
    return Backfill(doors, wish, now, logger).run()
