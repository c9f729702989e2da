"""One past month of a backfill: counted, compared with what is held, told, and read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.backfilling import (
    MonthLine,
    Result,
    due_totals,
    held_in,
    settled,
    unproven,
)
from allocations.booking import floors_for
from allocations.reports import held_amounts, usage_of
from allocations.shares import seconds_by_user
from allocations.userusage import COLUMNS, rows_to_send, user_rows
from cloudrock_io.errors import CloudrockUnavailable
from flows import events, tasks, usage_tasks
from flows.corrections import remembered
from flows.dating import book_dated
from flows.expected import EXPECTED
from flows.gate import judge
from flows.lock import every_lane
from flows.run_progress import run_progress
from flows.telling import LOCK, MOST_OUTAGES

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from allocations.billing import BillingPeriod
    from allocations.days import Correction, Counted
    from allocations.marketplace import ComponentUsage, UserUsage
    from allocations.reports import ResourceUsage
    from flows.backfill import Wish
    from flows.census import Census, Doors


@dataclass(frozen=True, slots=True)
class Held:
    """What the marketplace holds of the month, of the next one, and of the current one."""

    rows: Mapping[str, list[ComponentUsage]]
    next_rows: Mapping[str, list[ComponentUsage]]
    users: Mapping[str, list[UserUsage]]
    current: frozenset[tuple[str, str, int, str]]


@dataclass(slots=True)
class MonthAgain:
    """Fills `lines`, `problems` and `remarks`."""

    doors: Doors
    census: Census
    wish: Wish
    month: BillingPeriod
    current: BillingPeriod
    now: datetime
    dated: bool
    """Whether billed amounts can be booked under the month."""
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    lines: list[MonthLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    fingerprint: str = ""
    held_back: dict[str, str] = field(default_factory=dict)
    corrections: dict[str, list[Correction]] = field(default_factory=dict)
    outages: int = 0
    """In a row."""
    gave_up: bool = False

    def run(self) -> None:
        """The whole of it, while no other report runs: nobody else's change is taken for ours."""
        counted = self.count()
        if counted is None:
            return
        with every_lane(self.doors.settings.state_dir / LOCK):
            before = self.read()
            held = held_amounts(row for rows in before.rows.values() for row in rows)
            components = self.census.components
            usages = usage_of(self.census.claims, seconds_by_user(counted.seconds), held, components)
            progress = run_progress(f"telling {self.month}")
            for place, usage in enumerate(usages, 1):
                self.tell(usage, before)
                progress.of_items(place, len(usages), "allocations")
            try:
                after = self.read()
            except EXPECTED:
                self.lines = [unproven(line) for line in self.lines]
                raise
            self.read_back(before, after)

    def count(self) -> Counted | None:
        """The month from its records, every day anew; None when they are not there any more."""
        counted, books = self.doors.count(self.month, self.now, lambda: self.census.observed, refresh=True)
        self.fingerprint = counted.fingerprint
        self.logger.info("%s counted anew, source %s", self.month, counted.fingerprint)
        if not counted.records and self.has_books():
            self.problems.append(
                f"{self.month}: slurmdbd's books hold usage, but not one job record of it can be seen: "
                "nothing was changed"
            )
            return None
        gate = judge(books, self.census.accounts, self.doors.settings.reconcile)
        events.reconciliation_failed(self.doors.settings.offering_uuid, self.month, gate)
        self.remarks += [*counted.remarks, *gate.remarks]
        self.held_back = dict(gate.held_back)
        self.problems += [f"{reason}: not told" for _, reason in sorted(gate.held_back.items())]
        self.corrections = remembered(self.doors.settings.state_dir, self.month)
        return counted

    def has_books(self) -> bool:
        """Whether slurmdbd's own sums hold any usage of the month."""
        tres = tuple(self.census.components)
        books = tasks.fetch_books(self.doors.slurm, self.month.start, self.month.end, tres)
        return any(any(used.values()) for used in books.with_below.values())

    def read(self) -> Held:
        """What the marketplace holds at this moment."""
        cloudrock = self.doors.cloudrock
        current = tasks.fetch_held_usage(cloudrock, self.current.start.date())
        following = self.month.next
        return Held(
            by_resource(tasks.fetch_held_usage(cloudrock, self.month.start.date())),
            by_resource(
                current
                if following == self.current
                else tasks.fetch_held_usage(cloudrock, following.start.date())
            ),
            usage_tasks.fetch_held_user_usage(cloudrock, self.month),
            frozenset((row.resource_uuid, row.type, row.amount, row.description) for row in current),
        )

    def tell(self, usage: ResourceUsage, before: Held) -> None:
        """One resource: its billed amounts, and its users' shares."""
        rows = before.rows.get(usage.resource.uuid, [])
        due = due_totals(usage.amounts, rows, before.next_rows.get(usage.resource.uuid, []))
        held = held_in(rows)
        results = self.book(usage, due, rows)
        for kind, total in due.items():
            line = self.line(usage, kind, total, held.get(kind), results[kind])
            self.lines.append(line)
        self.tell_users(usage, before.users.get(usage.resource.allocation_uuid or "", []))

    def book(
        self, usage: ResourceUsage, due: Mapping[str, int], rows: list[ComponentUsage]
    ) -> dict[str, Result]:
        """The billed amounts, as far as they differ: component type to what became of it."""
        held = held_in(rows)
        carried = {kind for kind, total in due.items() if total != usage.amounts[kind]}
        results = {kind: Result.CARRIED if kind in carried else Result.RIGHT for kind in due}
        differing = {kind for kind, total in due.items() if held.get(kind, 0) != total}
        if not differing:
            return results
        outcome = self.may_book(usage, due, held)
        if outcome is Result.SET:
            outcome = self.send(usage, due, rows)
        return results | dict.fromkeys(differing, outcome)

    def may_book(self, usage: ResourceUsage, due: Mapping[str, int], held: Mapping[str, int]) -> Result:
        """SET, or why not."""
        floors = floors_for(held, self.corrections.get(usage.account, []), self.census.components)
        falls = {kind for kind, total in due.items() if total < held.get(kind, 0)}
        unexplained = {kind for kind in falls if kind not in floors or due[kind] < floors[kind]}
        if usage.account in self.held_back:
            return Result.HELD_BACK
        if self.gave_up:
            return Result.NOT_TRIED
        if unexplained and not self.wish.allow_decrease:
            self.problems.append(
                f"{usage.account}: {', '.join(sorted(unexplained))} of {self.month} would fall, and no "
                "correction of the cluster's books explains it: not told. If it is right, run again with "
                "allow_decrease=true"
            )
            return Result.HELD_BACK
        if not self.dated:
            return Result.NOT_BOOKABLE
        return Result.WOULD_SET if self.wish.dry_run else Result.SET

    def send(self, usage: ResourceUsage, due: Mapping[str, int], rows: list[ComponentUsage]) -> Result:
        """Book the amounts under the month."""
        sent = book_dated(self.doors.cloudrock, usage, self.month, due, rows)
        self.dated = self.dated and not sent.landed_now
        self.problems += [sent.problem] if sent.problem else []
        self.remarks += [sent.remark] if sent.remark else []
        self.count_outages(is_outage=sent.is_outage)
        return sent.result

    def count_outages(self, *, is_outage: bool) -> None:
        """A marketplace that is away is not tried again for every allocation."""
        self.outages = self.outages + 1 if is_outage else 0
        if self.outages == MOST_OUTAGES:
            self.gave_up = True
            self.problems.append(
                f"{self.month}: the marketplace did not answer {MOST_OUTAGES} times in a row: the rest was "
                "not tried; run it again, what is right already is not sent again"
            )

    def tell_users(self, usage: ResourceUsage, held: list[UserUsage]) -> None:
        """Users' shares, whose past months every server takes. Never the total: docs/usage.md says why."""
        counted = user_rows(usage.users, self.month)
        rows, impossible = rows_to_send(counted, held)
        self.remarks += [
            f"{usage.account}: the marketplace cannot be told of the user {name!r}" for name in impossible
        ]
        outcome = self.send_users(usage, rows) if rows else Result.RIGHT
        sent = {row.username: row for row in rows}
        before = {row.username: row for row in held}
        for row in {**{row.username: row for row in counted}, **sent}.values():
            for column, kind in COLUMNS.items():
                if kind in self.census.components and row.username not in impossible:
                    earlier = getattr(before[row.username], column) if row.username in before else None
                    result = outcome if row.username in sent else Result.RIGHT
                    amount = getattr(row, column)
                    self.lines.append(self.line(usage, kind, amount, earlier, result, row.username))

    def send_users(self, usage: ResourceUsage, rows: list[UserUsage]) -> Result:
        """SET, or why not."""
        if usage.account in self.held_back:
            return Result.HELD_BACK
        if self.gave_up:
            return Result.NOT_TRIED
        if self.wish.dry_run:
            return Result.WOULD_SET
        try:
            usage_tasks.report_users(self.doors.cloudrock, usage.resource.uuid, rows, usage.account)
        except EXPECTED as failure:
            self.problems.append(f"{usage.account}: {failure}")
            self.count_outages(is_outage=isinstance(failure, CloudrockUnavailable))
            return Result.FAILED
        self.count_outages(is_outage=False)
        return Result.SET

    def line(
        self,
        usage: ResourceUsage,
        kind: str,
        counted: int,
        before: int | None,
        result: Result,
        user: str = "",
    ) -> MonthLine:
        """One number."""
        return MonthLine(
            period=str(self.month),
            account=usage.account,
            resource_uuid=usage.resource.uuid,
            resource_name=usage.resource.name,
            user=user,
            component=kind,
            tres_seconds=None if user else usage.tres_seconds.get(kind, 0),
            counted=counted,
            before=before,
            after=None,
            result=result,
        )

    def read_back(self, before: Held, after: Held) -> None:
        """What is held now; and the current month is what it was."""
        allocations = {one.uuid: one.allocation_uuid or "" for one, _ in self.census.claims}
        for place, line in enumerate(self.lines):
            if line.user:
                rows = after.users.get(allocations[line.resource_uuid], [])
                column = next(column for column, kind in COLUMNS.items() if kind == line.component)
                now = next((getattr(row, column) for row in rows if row.username == line.user), None)
            else:
                now = held_in(after.rows.get(line.resource_uuid, [])).get(line.component)
            self.lines[place] = settled(line, now, dry_run=self.wish.dry_run)
        changed = before.current ^ after.current
        if changed:
            uuids = ", ".join(sorted({uuid for uuid, *_ in changed}))
            self.problems.append(
                f"{self.month}: rows of the current month {self.current} changed while the backfill ran: "
                f"{uuids}"
            )
        else:
            self.remarks.append(
                f"the {len(before.current)} rows of the current month {self.current} are untouched"
            )


def by_resource(rows: Iterable[ComponentUsage]) -> dict[str, list[ComponentUsage]]:
    """Resource uuid to its rows."""
    found: dict[str, list[ComponentUsage]] = {}
    for row in rows:
        found.setdefault(row.resource_uuid, []).append(row)
    return found
