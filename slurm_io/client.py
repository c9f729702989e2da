"""SLURM as the flows see it: observe the cluster, apply a change, read the jobs of a window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allocations.changes import DeleteAccount
from slurm_io.accounting import Accounting
from slurm_io.changing import Target, commands_for
from slurm_io.commands import (
    make_home,
    show_active_jobs,
    show_association_ids,
    show_associations,
    show_children,
    show_default_accounts,
    show_organizations,
    show_queue,
    show_transactions,
)
from slurm_io.commands_checkup import show_all_active, show_whole_queue
from slurm_io.errors import (
    SlurmCommandFailed,
    SlurmError,
    SlurmMisconfigured,
    SlurmUnavailable,
    UnexpectedSlurmOutput,
)
from slurm_io.parsing_cluster import (
    ASSOCIATIONS,
    clusters_of,
    parse_active,
    parse_associations,
    with_default_accounts,
    with_organizations,
)
from slurm_io.parsing_transactions import parse_association_ids, parse_transactions
from slurm_io.runaways import find_runaways

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allocations.accounts import AccountName, UserName
    from allocations.changes import Change
    from allocations.history import Transaction
    from allocations.model import ClusterState
    from slurm_io.commands import Command
    from slurm_io.parsing_cluster import ActiveJob

MANY_ACCOUNTS = 100
"""More are not named in a question about jobs: the database compares each job that it has with each."""
SLURM_ENVIRONMENT = {"TZ": "UTC", "SLURM_TIME_FORMAT": "%s", "LC_ALL": "C.UTF-8"}
"""What every command needs in its environment for the parsers to be right."""


@dataclass(frozen=True, slots=True)
class Slurm(Accounting):
    """One cluster."""

    def observe(self) -> ClusterState:
        """All accounts and associations of the cluster, in one call, which also tells which cluster it is.

        Raises:
            SlurmMisconfigured: slurmdbd does not have it.
        """
        known = self.known
        text = self.runner.run(show_associations(known))
        if known and not text:
            self.settle(self.fetch_clusters())
        there = clusters_of(text)
        if known and there != (known,):
            raise UnexpectedSlurmOutput(ASSOCIATIONS, ", ".join(there), f"those of {known} alone")
        return parse_associations(text, known or self.settle(there))

    def observe_whole(self) -> ClusterState:
        """The same, and who made each account, and every user's default account: in three calls."""
        state = with_organizations(self.observe(), self.runner.run(show_organizations()))
        return with_default_accounts(state, self.runner.run(show_default_accounts(self.cluster)))

    def observe_ready(self, default_account: AccountName) -> ClusterState:
        """The whole cluster, which has the default account that people need.

        Raises:
            SlurmMisconfigured: it has none of that name.
        """
        state = self.observe_whole()
        if default_account not in state.accounts:
            raise SlurmMisconfigured(
                f"SLURM_DEFAULT_ACCOUNT: the account {default_account!r} is not on the cluster: "
                f"make it once with `sacctmgr -i add account name={default_account} cluster={self.cluster}`"
            )
        return state

    def fetch_transactions(self, since: datetime) -> tuple[Transaction, ...]:
        """Who changed what since then, oldest first, in two calls."""
        ids = parse_association_ids(self.runner.run(show_association_ids(self.cluster)))
        return parse_transactions(self.runner.run(show_transactions(since)), ids, self.cluster)

    def apply(self, change: Change) -> None:
        """Carry out one change; one that has been carried out before is fine.

        An account with others below it is not deleted: SLURM would delete those too.

        SLURM answers an add that changes nothing as it answers one that it could not do (exit 1, no other
        word), so only observing the cluster again tells: whoever applies a plan does that.
        """
        commands = commands_for(change, self.target)
        if isinstance(change, DeleteAccount):
            self.look_below(change.account)
            commands = commands_for(change, self.target_for_deleting)
        for command in commands:
            try:
                self.runner.run(command)
            except SlurmCommandFailed as refusal:
                if not refusal.changed_nothing:
                    raise

    @property
    def target(self) -> Target:
        """What changes are made on."""
        return Target(self.cluster, elsewhere=self.named is not None)

    @property
    def target_for_deleting(self) -> Target:
        """The same for the deletion of accounts: whether slurmdbd has other clusters is asked anew."""
        return replace(self.target, alone=self.fetch_clusters() == (self.cluster,))

    def look_below(self, account: AccountName) -> None:
        """Raise SlurmUnavailable when accounts stand below one that is about to be deleted."""
        below = sorted(set(self.runner.run(show_children(self.cluster, account)).split()))
        if below:
            raise SlurmUnavailable(
                f"the account {account!r} has accounts below it now ({', '.join(below)}), which SLURM would "
                "delete with it: it was left as it is, and the next run plans anew"
            )

    def make_homes(self, users: Collection[UserName], umask: str) -> list[str]:
        """A home directory for each user who has none; what went wrong with some, one sentence each."""
        problems = []
        for user in users:
            try:
                self.runner.run(make_home(user, umask))
            except SlurmError as failure:
                problems.append(f"no home directory for {user}: {failure}")
        return problems

    def fetch_active_jobs(self, accounts: Collection[AccountName]) -> frozenset[ActiveJob]:
        """Jobs under some accounts that slurmctld has, or that slurmdbd believes to be running."""
        if not accounts:
            return frozenset()
        show_believed, show_queued = self._active_jobs_of(accounts)
        queued = parse_active(self.runner.run(show_queued), "squeue")
        believed = parse_active(self.runner.run(show_believed), "sacct")
        return frozenset(job for job in (*queued, *believed) if job.account in accounts)

    def fetch_runaways(self, accounts: Collection[AccountName]) -> frozenset[ActiveJob]:
        """Jobs under some accounts that slurmdbd believes to be running and slurmctld does not know."""
        if not accounts:
            return frozenset()
        found = find_runaways(self.runner, *self._active_jobs_of(accounts))
        return frozenset(job for job in found if job.account in accounts)

    def _active_jobs_of(self, accounts: Collection[AccountName]) -> tuple[Command, Command]:
        """What sacct and squeue are asked about the active jobs of some accounts, or about all jobs."""
        if len(accounts) > MANY_ACCOUNTS:
            return show_all_active(self.cluster), show_whole_queue(self.named)
        return show_active_jobs(self.cluster, accounts), show_queue(self.named, accounts)
