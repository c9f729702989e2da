"""SLURM as the flows see it: observe the cluster, apply a change, read the jobs of a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from allocations.days import window_usage
from allocations.model import AddUsers
from slurm_io.commands import commands_for, show_associations, show_jobs
from slurm_io.errors import SlurmCommandFailed, SlurmMisconfigured
from slurm_io.parsing import parse_associations, parse_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from allocations.accounts import AccountName
    from allocations.days import WindowUsage
    from allocations.model import Change, ClusterState
    from allocations.usage import Jobs
    from slurm_io.runner import Runner

WINDOW = timedelta(days=1)
"""One sacct's share of a period: 610,000 jobs of a month took 958 MB in one call and 35 MB in daily ones."""
SACCT_TIMEOUT = 600.0

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
        return window_usage(start, end, self.fetch_jobs(start, end))


def windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Consecutive half-open windows that make up [start, end)."""
    while start < end:
        until = min(start + WINDOW, end)
        yield start, until
        start = until
