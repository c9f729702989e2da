"""What push-usage works with: the two doors, the settings, and who is to be billed for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.reports import claimed, reportable
from flows import tasks
from flows.counting import count_month

if TYPE_CHECKING:
    from datetime import datetime

    from allocations.accounts import AccountName
    from allocations.billing import BillingPeriod
    from allocations.components import Components
    from allocations.days import Counted, WindowUsage
    from allocations.marketplace import Offering, Resource
    from allocations.model import ClusterState
    from cloudrock_io.client import Cloudrock
    from flows.settings import Settings
    from slurm_io.client import Slurm


@dataclass(frozen=True, slots=True)
class Doors:
    """One offering and the cluster behind it, with the settings."""

    cloudrock: Cloudrock
    slurm: Slurm
    settings: Settings
    components: Components

    def count(
        self,
        period: BillingPeriod,
        now: datetime,
        *,
        whole_until: datetime | None = None,
        refresh: bool = False,
    ) -> Counted:
        """Everybody's usage of the month, up to now or to the month's end.

        `whole_until` is the hour up to which slurmdbd's books will be compared with it.
        """

        def read(start: datetime, end: datetime) -> WindowUsage:
            return tasks.read_usage(self.slurm, start, end)

        cutoff = min(now, period.end)
        return count_month(read, None, period, cutoff, now=now, whole_until=whole_until, refresh=refresh)


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
    problems: tuple[str, ...]

    @property
    def offered(self) -> frozenset[str]:
        """The types of all components of the offering, ours or not."""
        return frozenset(component.type for component in self.offering.components)


def take_census(doors: Doors) -> Census:
    """Read the offering, its resources and the cluster's accounts."""
    offering = tasks.fetch_offering(doors.cloudrock)
    accepted, strange = reportable(doors.components, offering)
    resources, unreadable = tasks.fetch_resources(doors.cloudrock, tasks.REPORTABLE)
    observed = tasks.observe_cluster(doors.slurm)
    claims, unclaimed = claimed(resources, observed)
    return Census(
        offering=offering,
        components={kind: doors.components[kind] for kind in accepted},
        resources=tuple(resources),
        claims=tuple(claims),
        observed=observed,
        problems=(*strange, *unreadable, *unclaimed),
    )


def children(observed: ClusterState) -> dict[str, list[str]]:
    """Account to the accounts directly below it."""
    below: dict[str, list[str]] = {}
    for account in observed.accounts.values():
        if account.parent is not None:
            below.setdefault(account.parent, []).append(account.name)
    return below
