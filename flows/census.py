"""What push-usage works with: the two doors, the settings, and who is to be billed for what.

What does not depend on an answer is asked beside others, in Prefect's threads (decision 24).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from allocations.backfilling import claimed_once
from allocations.reconcile import Reconcile
from allocations.reports import claimed, reportable
from flows import tasks, usage_tasks
from flows.corrections import remember
from flows.counting import longest_question
from flows.doors import open_day_store
from flows.reconciling import Counting
from flows.run_progress import run_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from prefect.futures import PrefectFuture

    from allocations.accounts import AccountName, ClusterName
    from allocations.billing import BillingPeriod
    from allocations.components import Components
    from allocations.days import Counted
    from allocations.marketplace import Offering, Resource
    from allocations.model import ClusterState
    from allocations.reconcile import Reconciliation
    from allocations.retention import Retention
    from cloudrock_io.client import Cloudrock
    from flows.settings import Settings
    from slurm_io.client import Slurm


@dataclass(frozen=True, slots=True)
class Records:
    """Whose job records slurmdbd is asked for, and how long it keeps them; both may still be being asked."""

    cluster: PrefectFuture[ClusterName]
    retention: PrefectFuture[Retention | None]
    """None: for ever."""


@dataclass(frozen=True, slots=True)
class Doors:
    """One offering and the cluster behind it, with the settings."""

    cloudrock: Cloudrock
    slurm: Slurm
    settings: Settings
    components: Components

    def ask_for_records(self) -> Records:
        """What must be known before jobs are counted, asked beside whatever follows."""
        return Records(
            tasks.fetch_cluster_name.submit(self.slurm), usage_tasks.fetch_retention.submit(self.slurm)
        )

    def count(
        self,
        period: BillingPeriod,
        now: datetime,
        observed: Callable[[], ClusterState],
        *,
        records: Records | None = None,
        refresh: bool = False,
    ) -> tuple[Counted, Reconciliation | None]:
        """Everybody's usage of the month, up to now or to the month's end, beside slurmdbd's own books.

        The books are None where SYNC_RECONCILE says that nothing is compared. `observed`: the cluster, which
        is needed once the jobs are counted; it may still be being read.
        """
        records = records or self.ask_for_records()
        cluster, retention = records.cluster.result(), records.retention.result()
        counting = Counting(
            slurm=self.slurm,
            store=open_day_store(self.settings, cluster),
            period=period,
            cutoff=min(now, period.end),
            now=now,
            observed=observed,
            tres=tuple(self.components),
            refresh=refresh,
            settling_days=self.settings.usage_settling_days,
            kept_since=retention.kept_since(now) if retention else None,
            longest=longest_question(self.slurm.runner),
            noticed=partial(remember, self.settings.state_dir, period),
            progress=run_progress(f"counting {period}"),
        )
        if self.settings.reconcile is Reconcile.OFF:
            return counting.count(None, refresh=refresh), None
        return counting.run()


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Whose usage is reported, and what of it."""

    offering: Offering
    components: Components
    """Those of ours that the offering takes reports for."""
    resources: tuple[Resource, ...]
    """All that take usage, in whatever shape."""
    claims: tuple[tuple[Resource, AccountName], ...]
    """Those whose account is on the cluster, and theirs alone."""
    observed: ClusterState
    strange: tuple[str, ...] = ()
    """What is wrong with the offering's components."""
    problems: tuple[str, ...] = ()
    """What is wrong with its resources."""

    @property
    def accounts(self) -> frozenset[AccountName]:
        """The accounts that are billed."""
        return frozenset(account for _, account in self.claims)

    @property
    def offered(self) -> frozenset[str]:
        """The types of all components of the offering, ours or not."""
        return frozenset(component.type for component in self.offering.components)


@dataclass(frozen=True, slots=True)
class Asking:
    """A census that is being taken, while jobs are counted."""

    resources: PrefectFuture[tuple[list[Resource], list[str]]]
    """Those that take usage, and what is wrong with others."""
    cluster: PrefectFuture[ClusterState]

    def observed(self) -> ClusterState:
        """The cluster's accounts and associations; waits for them."""
        return self.cluster.result()

    def census(
        self, components: Components, offering: Offering, only: Collection[str] | None = None
    ) -> Census:
        """Who is to be billed for what; waits for both answers.

        Args:
            components: those of the components file.
            offering: the offering that takes reports.
            only: uuids of resources; their accounts need not be on the cluster any more, and what is wrong
                with others is not said.
        """
        accepted, strange = reportable(components, offering)
        resources, unreadable = self.resources.result()
        observed = self.observed()
        problems: list[str] = []
        if only is None:
            claims, unclaimed = claimed(resources, observed)
            problems = [*unreadable, *unclaimed]
        else:
            claims = [claim for claim in claimed_once(resources)[0] if claim[0].uuid in only]
        return Census(
            offering=offering,
            components={kind: components[kind] for kind in accepted},
            resources=tuple(resources),
            claims=tuple(claims),
            observed=observed,
            strange=tuple(strange),
            problems=tuple(problems),
        )


def ask_for_census(doors: Doors, records: Records) -> Asking:
    """Read the offering's resources and the cluster's accounts, beside whatever follows.

    It waits until it is known which cluster is ours: slurmdbd need not tell the others' associations, and
    is asked nothing more when it does not answer.
    """
    resources = tasks.fetch_resources.submit(doors.cloudrock, tasks.REPORTABLE)
    records.cluster.result()
    return Asking(resources, tasks.observe_cluster.submit(doors.slurm))
