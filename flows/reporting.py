"""Count the current month and tell the marketplace, for all allocations or for some.

push-usage does all of them; pull-orders those that end (flows/final_usage.py). Amounts are absolute, so
it may be repeated and run beside itself: what is sent is decided under a lock, from what the marketplace
holds at that moment (`allocations.booking`).
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.logging import get_run_logger

from allocations.billing import BillingPeriod, booking_refusal, clock_refusal
from allocations.checkup import brief
from allocations.errors import CannotReportNow
from allocations.reports import held_amounts, in_words, lines_of, seconds_held, usage_of
from allocations.shares import seconds_by_user
from flows import tasks, usage_tasks
from flows.census import Doors, ask_for_census
from flows.closed_month import look_back
from flows.corrections import remembered, spend
from flows.gate import falls_in, judge
from flows.reported import Reported
from flows.run_progress import run_progress
from flows.settings import load_components
from flows.telling import NOT_TRIED, Teller
from flows.uploading import Deciding, Uploading
from slurm_io.errors import SlurmError

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from prefect.futures import PrefectFuture

    from allocations.components import Components
    from allocations.days import Correction, Counted
    from allocations.marketplace import ComponentUsage, Offering, UserUsage
    from allocations.reconcile import Reconciliation
    from allocations.reports import ResourceUsage
    from cloudrock_io.client import Cloudrock
    from flows.census import Asking, Census, Records
    from flows.gate import Gate
    from flows.month_page import MonthPage
    from flows.settings import Settings
    from flows.telling import Outcome
    from slurm_io.client import Slurm
    from slurm_io.parsing_cluster import ActiveJob


MOST_NAMED = 10
"""Job ids in one remark."""


def report_usage(
    cloudrock: Cloudrock,
    slurm: Slurm,
    settings: Settings,
    *,
    now: datetime,
    only: Collection[str] | None = None,
    allow_decrease: bool = False,
) -> Reported:
    """Count the current month's usage and send it: of all resources, or only of these (by uuid).

    `Reported.reasons` has each resource that the marketplace has not been told the full usage of, and why;
    one that is neither there nor in `Reported.told` was not found among the resources that take usage.
    Of a resource that is named in `only` the account may be gone: slurmdbd keeps what it used.

    Args:
        cloudrock: the marketplace.
        slurm: the cluster.
        settings: where the components, the state and the rules are.
        now: up to when jobs count, running ones included; aware.
        only: uuids of marketplace resources; None for all of the offering.
        allow_decrease: whether amounts may fall without a recorded reason.

    Raises:
        CannotReportNow: the clocks of this host and the marketplace are too far apart.
        SettingsError, RuleError, SlurmError, CloudrockError: nothing could be counted or nothing read.
    """
    doors = Doors(cloudrock, slurm, settings, load_components(settings))
    run = Reporting(doors, BillingPeriod.containing(now), now, allow_decrease=allow_decrease)
    run.report(only)
    return run.reported


@dataclass(slots=True)
class Reporting:
    """One run's report of the current month: count, compare, send what differs, and read it back."""

    doors: Doors
    period: BillingPeriod
    """The month, decided once."""
    now: datetime
    refresh: bool = False
    allow_decrease: bool = False
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger] = field(default_factory=get_run_logger)
    corrections: dict[str, list[Correction]] = field(default_factory=dict)
    """Account to why its amounts may fall, as it was known when they were told."""
    began: float = field(default_factory=time.monotonic)
    """When `now` was, by a clock that nobody sets."""
    page: MonthPage | None = None
    """Made ready, and drawn, while others are asked; whoever wants it keeps it when all is told."""
    reported: Reported = field(init=False)

    def __post_init__(self) -> None:
        self.reported = Reported(self.period)

    def report(self, only: Collection[str] | None = None) -> None:
        """The whole of it."""
        offering = tasks.fetch_offering(self.doors.cloudrock)
        self.compare_clocks()
        if only is None:
            self.reported.associations = usage_tasks.fetch_held_associations.submit(self.doors.cloudrock)
        records = self.doors.ask_for_records()
        if self.page:
            self.page.get_ready()
        asking = ask_for_census(self.doors, records)
        counted, books = self.count(asking, records)
        asked = tasks.fetch_held_usage.submit(self.doors.cloudrock, self.period.start.date())
        by_user = usage_tasks.fetch_held_user_usage.submit(self.doors.cloudrock, self.period)
        census = self.census(asking, offering, only)
        runaways = usage_tasks.fetch_runaways
        looking = runaways.submit(self.doors.slurm, census.accounts) if only is None else None
        gate = judge(books, census.accounts, self.doors.settings.reconcile)
        self.remark(*counted.remarks, *gate.remarks)
        self.reported.counted, self.reported.census, self.reported.gate = counted, census, gate
        if self.page:
            self.page.draw_days(self.reported)
        if looking:
            self.tell_runaways(looking)
        rows = asked.result()
        usages = usage_of(
            census.claims, seconds_by_user(counted.seconds), held_amounts(rows), census.components
        )
        usages = self.reported.usages = self.with_carried(census, usages, rows)
        self.tell(census, counted, gate, by_user.result())
        if refusal := self.refusal():
            unsent = "nothing was sent" if not self.reported.sent else "the rest was not sent"
            self.problem(f"{refusal}: {unsent}, the run's table has what was counted")
        else:
            if self.reported.sent:
                self.read_back(usages)
            told = {usage.account for usage in usages if usage.resource.uuid in self.reported.told}
            explained = [one for account in told for one in self.corrections.get(account, [])]
            spend(self.doors.settings.state_dir, self.period, explained)

    def count(self, asking: Asking, records: Records) -> tuple[Counted, Reconciliation | None]:
        """The month's jobs, while others are asked whose they are; and slurmdbd's own books."""
        counted, books = self.doors.count(
            self.period, self.now, asking.observed, records=records, refresh=self.refresh
        )
        self.logger.info("%s counted up to %s", self.period, counted.cutoff.isoformat())
        return counted, books

    def census(self, asking: Asking, offering: Offering, only: Collection[str] | None) -> Census:
        """Who is to be billed, and what is wrong with that."""
        census = asking.census(self.doors.components, offering, only)
        self.reported.strange = census.strange
        self.problem(*census.strange, *census.problems)
        return census

    def compare_clocks(self) -> None:
        """Stop before anything is counted, and kept, by a wrong clock; the marketplace has just answered."""
        passed = timedelta(seconds=time.monotonic() - self.began)
        if refusal := clock_refusal(self.now + passed, self.doors.cloudrock.server_time):
            raise CannotReportNow(refusal)

    def tell_runaways(self, looking: PrefectFuture[frozenset[ActiveJob]]) -> None:
        """Say which jobs slurmdbd will charge for ever; the month is told with or without knowing."""
        try:
            found = looking.result()
        except SlurmError as failure:
            self.remark(f"run-away jobs could not be looked for: {failure}")
            return
        for account in sorted({job.account for job in found}):
            ids = brief((job.job_id for job in found if job.account == account), MOST_NAMED)
            self.remark(
                f"{account}: run-away jobs ({ids}): slurmctld does not know them, slurmdbd charges them "
                "until `sacctmgr show runawayjobs` has mended them"
            )

    def with_carried(
        self, census: Census, usages: list[ResourceUsage], rows: Sequence[ComponentUsage]
    ) -> list[ResourceUsage]:
        """The usages with what the month before is owed, as far as it is carried over."""
        closed = look_back(self.doors, self.period, self.now, census, rows)
        self.problem(*closed.problems)
        self.remark(*closed.remarks)
        self.reported.closed = closed
        return [closed.added_to(usage) for usage in usages]

    def tell(
        self, census: Census, counted: Counted, gate: Gate, user_usage: Mapping[str, list[UserUsage]]
    ) -> None:
        """Each resource's month to the marketplace."""
        settings, usages = self.doors.settings, self.reported.usages
        corrections = self.corrections = remembered(settings.state_dir, self.period)
        held_back = dict(gate.held_back)
        if not self.allow_decrease:
            known = {str(usage.account): seconds_held(usage, census.components) for usage in usages}
            every = [one for changes in corrections.values() for one in changes]
            held_back |= falls_in(known, counted, every)
        deciding = Deciding(
            period=self.period,
            components=census.components,
            held_back=held_back,
            corrections=corrections,
            user_usage=user_usage,
            allow_decrease=self.allow_decrease,
        )
        teller = Teller(self.doors.cloudrock, settings.state_dir, self.period, census.offered, self.refusal)
        progress = run_progress(f"telling {self.period}")
        decided = ((usage, deciding.decide(usage)) for usage in usages)
        untried = 0
        with closing(Uploading(teller, settings.max_uploads).outcomes(decided)) as outcomes:
            for place, (usage, outcome) in enumerate(outcomes, 1):
                untried += outcome.reason == NOT_TRIED.reason
                self.note(usage, outcome, census.components)
                progress.of_items(place, len(usages), "allocations")
        if teller.stopped.is_set():
            self.reported.gave_up = True
            self.problem(f"{NOT_TRIED.reason}: {untried} more were not tried")

    def refusal(self) -> str | None:
        """Why the marketplace must not be told now; its clock is that of its last answer."""
        guard = timedelta(seconds=self.doors.cloudrock.patience.longest_call_seconds)
        return booking_refusal(self.period, self.doors.cloudrock.server_time, guard)

    def read_back(self, usages: list[ResourceUsage]) -> None:
        """What the marketplace holds now must be what was meant."""
        held = held_amounts(tasks.fetch_held_usage(self.doors.cloudrock, self.period.start.date()))
        for usage in usages:
            now = held.get(usage.resource.uuid, {})
            wrong = {kind: now.get(kind) for kind, amount in usage.totals.items() if now.get(kind) != amount}
            if wrong and usage.resource.uuid in self.reported.told:
                self.reported.told.discard(usage.resource.uuid)
                reason = f"sent {in_words(usage.totals)}, but the marketplace holds {in_words(wrong)}"
                self.reported.reasons[usage.resource.uuid] = reason
                self.problem(f"{usage.account}: {reason}")

    def note(self, usage: ResourceUsage, outcome: Outcome, components: Components) -> None:
        """What came of one resource, and its lines in the report."""
        self.remark(*outcome.remarks)
        if outcome.is_problem:
            named = outcome.reason.startswith(usage.account)
            self.problem(outcome.reason if named else f"{usage.account}: {outcome.reason}")
        if outcome.reason:
            self.reported.reasons[usage.resource.uuid] = outcome.reason
            if outcome.has_nowhere:
                self.reported.nowhere.add(usage.resource.uuid)
        else:
            self.reported.told.add(usage.resource.uuid)
            self.reported.sent += outcome.result == "sent"
            self.reported.unchanged += outcome.result == "unchanged"
        self.reported.lines += lines_of(usage, components, outcome.result)

    def problem(self, *texts: str) -> None:
        """Something that a person must look at: said in the log, and the run is red."""
        for text in texts:
            self.logger.error("%s", text)
        self.reported.problems += texts

    def remark(self, *texts: str) -> None:
        """Something to know."""
        for text in texts:
            self.logger.warning("%s", text)
        self.reported.remarks += texts
