"""A cluster with a month of jobs: so many allocations, users and jobs, the same at every call."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allocations.billing import BillingPeriod
from sandbox.slurm import PastJob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.slurm import Cluster

USERS_EACH = 5
SEED = 20261101
SHORT, LONG, VERY_LONG = (60, 7200), (7200, 43200), (43200, 4 * 86400)
"""Seconds of a job, from and to: nine of ten are short, one of a hundred lasts for days."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    allocations: int
    jobs: int

    @property
    def accounts(self) -> list[str]:
        """The accounts' names."""
        return [f"bench_{number:04}" for number in range(self.allocations)]


def last_month() -> BillingPeriod:
    """The month before this one: all its days are over."""
    return BillingPeriod.containing(BillingPeriod.containing(datetime.now(UTC)).start - timedelta(days=1))


def fill(cluster: Cluster, size: Size, period: BillingPeriod) -> None:
    """Accounts with users, and the month's jobs."""
    users = [f"bench_user_{number}" for number in range(USERS_EACH)]
    cluster.run("sacctmgr", "-i", "add", "account", f"name={','.join(size.accounts)}")
    for name in size.accounts:
        cluster.run("sacctmgr", "-i", "add", "user", f"name={','.join(users)}", f"account={name}")
    cluster.was_there_since(period.start - timedelta(days=31))
    cluster.insert_jobs(past_jobs(size, users, period))


def past_jobs(size: Size, users: list[str], period: BillingPeriod) -> Iterator[PastJob]:
    """Jobs of many shapes, spread evenly over the month; the longest reach into the next one."""
    draw = random.Random(SEED)  # noqa: S311 - the same jobs each time
    accounts = size.accounts
    span = period.end - period.start
    for number in range(size.jobs):
        start = (period.start + span * number / size.jobs).replace(microsecond=0)
        chance = draw.random()
        bounds = SHORT if chance < 0.9 else LONG if chance < 0.99 else VERY_LONG  # noqa: PLR2004
        cpus = draw.choice((1, 2, 4, 8, 16, 32, 64))
        tres = {"cpu": cpus, "mem": cpus * draw.randrange(500, 8000), "node": 1, "billing": cpus}
        if chance < 0.2:  # noqa: PLR2004
            tres |= {"gres/gpu": 1 + number % 4, "gres/gpu:a100": 1 + number % 4}
        yield PastJob(
            account=draw.choice(accounts),
            user=draw.choice(users),
            start=start,
            end=start + timedelta(seconds=draw.randrange(*bounds)),
            tres=tres,
        )
