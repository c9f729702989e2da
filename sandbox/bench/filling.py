"""A site at rest and its month of jobs so far, on the cluster and in the marketplace."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allocations.billing import BillingPeriod
from sandbox.slurm import PastJob
from sandbox.slurm.tree import NewAccount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sandbox.bench.sizes import Size
    from sandbox.stack import Stack

SEED = 20261101
SHORT, LONG, VERY_LONG = (60, 7200), (7200, 43200), (43200, 4 * 86400)
"""Seconds of a job, from and to: nine of ten are short, one of a hundred lasts for days."""
ORGANIZATION = "cloudrock-slurm"
DEFAULT_ACCOUNT = "cloudrock"
MINUTES = {"cpu": 600_000, "gres/gpu": 60_000, "mem": 614_400_000}
SHOWN = ("cpu", "gres/gpu")
"""The components of the sandbox's offering that are billed by limit: only those are a resource's limits."""
AT_ONCE = 50
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def period_at(now: datetime) -> BillingPeriod:
    """The month that is measured: the current one."""
    return BillingPeriod.containing(now)


@dataclass(frozen=True, slots=True)
class Project:
    """One project at rest."""

    uuid: str
    users: list[str]
    accounts: list[str]


def fill(stack: Stack, size: Size, now: datetime) -> tuple[list[Project], int]:
    """Projects with members, resources with accounts, and the jobs of the month so far; how many jobs."""
    period = period_at(now)
    projects = fill_market(stack, size, period)
    stack.cluster.insert_accounts(accounts(size, str(stack.market["customer_uuid"]), projects))
    stack.cluster.was_there_since(period.start - timedelta(days=31))
    jobs = list(days_jobs(size, projects, period, now))
    stack.cluster.insert_jobs(jobs)
    return projects, stack.cluster.repeat_jobs_daily(len(jobs), (now - period.start).days, now)


def fill_market(stack: Stack, size: Size, period: BillingPeriod) -> list[Project]:
    """The marketplace's side."""
    market = stack.market
    limits = {kind: MINUTES[kind] for kind in SHOWN}
    wanted = [
        {
            "name": f"Bench {number}",
            "users": size.team(number),
            "resources": size.allocations_of(number),
            "limits": limits,
        }
        for number in range(size.projects)
    ]
    wanted.append({"name": "Everybody", "users": [], "resources": 1, "limits": limits})
    made: list[dict[str, Any]] = []
    for place in range(0, len(wanted), AT_ONCE):
        answer = stack.office.add_projects_at_rest(
            customer=market["customer_uuid"],
            offering=market["offering_uuid"],
            plan=market["plan_uuid"],
            since=period.start.isoformat(),
            projects=wanted[place : place + AT_ONCE],
        )
        made += answer if isinstance(answer, list) else []
    return [Project(one["project"], size.team(number), one["accounts"]) for number, one in enumerate(made)]


def accounts(size: Size, customer_uuid: str, projects: list[Project]) -> Iterator[NewAccount]:
    """The cluster's side: the customer's account, its projects', and the allocations' below those."""
    customer = f"hpc_{customer_uuid}"
    yield NewAccount(DEFAULT_ACCOUNT, "root", size.people, is_default=True)
    yield NewAccount(customer, "root", organization=ORGANIZATION)
    for project in projects:
        name = f"hpc_{project.uuid}"
        yield NewAccount(name, customer, organization=ORGANIZATION)
        for account in project.accounts:
            yield NewAccount(account, name, project.users, MINUTES, ORGANIZATION)


def days_jobs(size: Size, projects: list[Project], period: BillingPeriod, now: datetime) -> Iterator[PastJob]:
    """Jobs that begin on the month's first day: the month so far has such a day each day."""
    count = round(size.jobs / max(1.0, (now - period.start) / DAY))
    return jobs_of(projects, count, period.start, DAY, now)


def hours_jobs(size: Size, projects: list[Project], now: datetime) -> Iterator[PastJob]:
    """An hour's jobs, which ended by now."""
    hours = max(1.0, (now - period_at(now).start) / HOUR)
    return jobs_of(projects, max(1, round(size.jobs / hours)), now - HOUR, HOUR, now)


def jobs_of(
    projects: list[Project], count: int, begin: datetime, span: timedelta, now: datetime
) -> Iterator[PastJob]:
    """Jobs of many shapes that begin within the span; none ends after now."""
    draw = random.Random(SEED)  # noqa: S311 - the same jobs each time
    teams = [project for project in projects if project.users]
    for number in range(count):
        start = (begin + span * number / count).replace(microsecond=0)
        project = draw.choice(teams)
        chance = draw.random()
        bounds = SHORT if chance < 0.9 else LONG if chance < 0.99 else VERY_LONG  # noqa: PLR2004
        cpus = draw.choice((1, 2, 4, 8, 16, 32, 64))
        tres = {"cpu": cpus, "mem": cpus * draw.randrange(500, 8000), "node": 1, "billing": cpus}
        if chance < 0.2:  # noqa: PLR2004
            tres |= {"gres/gpu": 1 + number % 4, "gres/gpu:a100": 1 + number % 4}
        end = min(now, start + timedelta(seconds=draw.randrange(*bounds)))
        yield PastJob(draw.choice(project.accounts), draw.choice(project.users), start, end, tres)
