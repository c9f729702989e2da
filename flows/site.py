"""What every part of a run works with: the two doors, the rules, the log, and the cluster as last known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.changes import apply_to
from allocations.model import ClusterState
from allocations.plan import AwaitJobs, MakeHomes, ReportUsage
from flows import tasks

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from allocations.changes import Change
    from allocations.desired import Rules
    from allocations.outcomes import Outcome
    from allocations.plan import Step
    from cloudrock_io.client import Cloudrock
    from slurm_io.client import Slurm

    Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


@dataclass(slots=True)
class Site:
    """One headnode's cluster and marketplace during one run."""

    cloudrock: Cloudrock
    slurm: Slurm
    rules: Rules
    logger: Log
    home_umask: str = "0077"
    max_uploads: int = 1
    """How many users' associations the marketplace is told of at a time."""
    observed: ClusterState = field(default_factory=ClusterState)
    """The cluster as it was read, with every change since."""

    def change(self, change: Change, subject: str) -> None:
        """Apply one change; what comes after counts on it."""
        tasks.apply_change(self.slurm, change, subject)
        self.observed = apply_to(self.observed, change)

    def perform(self, steps: Iterable[Step], outcome: Outcome) -> None:
        """Apply steps to the cluster, one after the other; the first failure is the last step."""
        subject = subject_of(outcome)
        for step in steps:
            act = step.act
            self.logger.info("%s: %s", subject, step)
            if isinstance(act, MakeHomes):
                outcome.remarks += tasks.make_homes(self.slurm, act.users, self.home_umask, subject)
            elif not isinstance(act, AwaitJobs | ReportUsage):
                self.change(act, subject)
                outcome.changes = (*outcome.changes, act)


def subject_of(outcome: Outcome) -> str:
    """What a log line or a task run is about: the order by its uuid, or the account."""
    part = outcome.part
    return f"order {part.order.uuid}" if part.order else part.account or part.kind.value
