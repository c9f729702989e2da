"""Upload many resources' months, some at a time, each a Prefect task; outcomes come in the resources' order.

A month that begins has a call for every user of every allocation. One after another, each would wait for the
marketplace's answer to the one before (docs/decisions/0038-uploads-at-a-time.md).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect.task_runners import ThreadPoolTaskRunner

from allocations.booking import floors_for
from allocations.userusage import rows_to_send, user_rows
from cloudrock_io.errors import CloudrockUnavailable
from flows.expected import EXPECTED
from flows.telling import MOST_OUTAGES, NOT_TRIED, Due, Outcome, tell_resource

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from prefect.futures import PrefectFuture

    from allocations.billing import BillingPeriod
    from allocations.components import Components
    from allocations.days import Correction
    from allocations.marketplace import UserUsage
    from allocations.reports import ResourceUsage
    from flows.telling import Teller

AHEAD = 8
"""Allocations begun for each that is at work, so that a large one keeps nobody waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What is known before anything is told: whether a resource is told at all."""

    period: BillingPeriod
    components: Components
    held_back: Mapping[str, str]
    """Account to why its usage is not told."""
    corrections: Mapping[str, Sequence[Correction]]
    """Account to why its amounts may fall."""
    user_usage: Mapping[str, list[UserUsage]]
    """Allocation uuid to what the marketplace shows of its users."""
    allow_decrease: bool

    def decide(self, usage: ResourceUsage) -> Due | Outcome:
        """What is to be told of a resource; or its outcome, when nothing is."""
        if usage.account in self.held_back:
            reason = f"{self.held_back[usage.account]}: not sent"
            return Outcome(result="held back", reason=reason, is_problem=True)
        held = self.user_usage.get(usage.resource.allocation_uuid or "", [])
        rows, impossible = rows_to_send(user_rows(usage.users, self.period), held)
        remarks = tuple(
            f"{usage.account}: the marketplace cannot be told of the user {name!r}" for name in impossible
        )
        if not usage.differs and not rows:
            return Outcome(result="unchanged", remarks=remarks)
        floors = floors_for(usage.held, self.corrections.get(usage.account, []), self.components)
        if self.allow_decrease:
            floors = dict.fromkeys(usage.totals, 0)
        return Due(usage, tuple(rows), floors, remarks)


@dataclass(slots=True)
class Uploading:
    """One run's upload."""

    teller: Teller
    at_a_time: int
    outages: int = field(default=0, init=False)
    """In a row, so far."""

    def outcomes(
        self, decided: Iterable[tuple[ResourceUsage, Due | Outcome]]
    ) -> Generator[tuple[ResourceUsage, Outcome]]:
        """What came of each, in the order in which they are given; a failure is that resource's only.

        Close it: who is under way is waited for then, and nobody else is begun.
        """
        begun: deque[tuple[ResourceUsage, Due | Outcome, Outcome | PrefectFuture[Outcome]]] = deque()
        runner: ThreadPoolTaskRunner[Outcome] = ThreadPoolTaskRunner(max_workers=self.at_a_time)
        with runner:
            try:
                for usage, due in decided:
                    begun.append((usage, due, self.begin(runner, due)))
                    if len(begun) > self.at_a_time * AHEAD:
                        yield self.end(*begun.popleft())
                while begun:
                    yield self.end(*begun.popleft())
            except BaseException:
                self.teller.stopped.set()  # a run that is cancelled waits for nobody's users
                raise

    def begin(
        self, runner: ThreadPoolTaskRunner[Outcome], due: Due | Outcome
    ) -> Outcome | PrefectFuture[Outcome]:
        """Have it told when its turn comes."""
        if isinstance(due, Outcome):
            return due
        if self.teller.stopped.is_set():
            return NOT_TRIED
        return runner.submit(tell_resource, {"teller": self.teller, "due": due, "account": due.usage.account})

    def end(
        self, usage: ResourceUsage, due: Due | Outcome, told: Outcome | PrefectFuture[Outcome]
    ) -> tuple[ResourceUsage, Outcome]:
        """What came of one; after some without an answer nobody else is tried: the next run is soon."""
        if isinstance(due, Outcome):
            return usage, due
        outcome = told if isinstance(told, Outcome) else awaited(told)
        self.outages = self.outages + 1 if outcome.is_outage else 0
        if self.outages == MOST_OUTAGES:
            self.teller.stopped.set()
        lowered = self.teller.lowered.get(usage.account)
        on_purpose = [f"{usage.account}: lowered on purpose ({lowered})"] if lowered else []
        return usage, replace(outcome, remarks=(*due.remarks, *on_purpose, *outcome.remarks))


def awaited(told: PrefectFuture[Outcome]) -> Outcome:
    """What came of one, when its turn has come and gone."""
    try:
        return told.result()
    except EXPECTED as failure:
        outage = isinstance(failure, CloudrockUnavailable)
        return Outcome(result="failed", reason=str(failure), is_problem=True, is_outage=outage)
