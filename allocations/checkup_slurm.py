"""What the cluster has to be like; facts in, diagnoses out. Words are SLURM's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allocations.billing import BillingPeriod
from allocations.checkup import NO_COMPONENTS, Cause, Check, Silence, brief, not_looked_at, well, wrong
from allocations.checkup_slurm_faults import (
    CONTAINER_FAILS,
    LOCAL_TIME,
    NO_COMMANDS,
    NO_DEFAULT_ACCOUNT,
    NOT_ADMIN,
    NOT_ENFORCED,
    OLD_VERSION,
    OLDEST_VERSION,
    PURGED_LAST_MONTH,
    PURGED_THIS_MONTH,
    RECORDS_HIDDEN,
    RUNAWAY_JOBS,
    SLURMCTLD_SILENT,
    SLURMDBD_SILENT,
    SLURMDBD_SLOW,
    SLURMDBD_SPARED,
    SUMS_PURGED,
    UNKNOWN_USERS,
    UNTRACKED,
    USAGE_DECAYS,
    USAGE_RESET,
)
from allocations.retention import purge_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allocations.checkup import Diagnosis, Fault
    from allocations.components import Components
    from allocations.model import ClusterState
    from allocations.retention import Retention

MANAGES = frozenset({"Operator", "Administrator"})
ROOT = "root"
NO_DECAY = "00:00:00"
YEARLY = "YEARLY"
NOTHING_PRIVATE = frozenset({"", "none"})
HIDES = frozenset({"accounts", "jobs", "usage", "users"})
"""What PrivateData must not hide from us."""
JANUARY, DECEMBER = BillingPeriod(2026, 1), BillingPeriod(2025, 12)
END_OF_JANUARY = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
"""The last moment of a longest month: what is kept then is kept at the end of every month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How slurmdbd answers us, and what it is asked at this moment."""

    trouble: str
    """How slow it has been; empty when all is well."""
    is_open: bool
    """Whether the circuit breaker is: then it is not asked."""
    under_way: tuple[str, ...]
    """Who asks now."""
    most: int
    """Queries of ours at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmFacts:
    """What was learned of the cluster, and what the settings want of it."""

    container: str | None
    """The container that SLURM's commands run in; None: on this host."""
    user: str | Silence
    """Who runs SLURM's commands there; the first question, so the one that a missing program fails."""
    utc_offset: str | Silence
    """As `date +%z` says with TZ=UTC in its environment."""
    pace: Pace | Silence
    controller: Mapping[str, str] | Silence
    """slurmctld's configuration."""
    books: Mapping[str, str] | Silence
    """slurmdbd's configuration."""
    retention: Retention | Silence | None
    """PurgeJobAfter; None: jobs are kept for ever."""
    sums_retention: Retention | Silence | None
    """PurgeUsageAfter, likewise of slurmdbd's own sums."""
    admin_level: str | Silence
    state: ClusterState | Silence
    unknown_users: frozenset[str] | Silence
    """Users with an association whom the operating system does not know."""
    runaways: frozenset[str] | Silence
    """Jobs that slurmdbd believes to be running and slurmctld does not know."""
    default_account: str
    components: Components
    """Those of the file; empty where it could not be read."""


def diagnose_slurm(facts: SlurmFacts) -> Iterator[Diagnosis]:
    """Everything about the cluster, and the container that it is in."""
    if isinstance(facts.user, Silence):
        if facts.container is None:
            yield wrong(NO_COMMANDS, facts.user.words)
        else:
            yield wrong(CONTAINER_FAILS, facts.user.words, container=facts.container)
    else:
        where = "on this host" if facts.container is None else f"in the container {facts.container}"
        check = Check.COMMANDS if facts.container is None else Check.CONTAINER
        yield well(check, f"run {where} as {facts.user}")
    yield _judge(Check.TIME_ZONE, facts.utc_offset, _time_zone)
    yield from _controller(facts)
    yield from _books(facts)


def _judge(check: Check, fact: object, rule: Callable[..., Diagnosis], *more: object) -> Diagnosis:
    """The rule's diagnosis of a fact that is known."""
    return not_looked_at(check, fact) if isinstance(fact, Silence) else rule(fact, *more)


def _time_zone(offset: str) -> Diagnosis:
    if offset == "+0000":
        return well(Check.TIME_ZONE, "SLURM's commands get and give UTC")
    return wrong(LOCAL_TIME, f"with TZ=UTC in its environment a command is {offset} off UTC")


def _controller(facts: SlurmFacts) -> Iterator[Diagnosis]:
    """What slurmctld tells about itself."""
    told = facts.controller
    if isinstance(told, Silence):
        yield _silent(SLURMCTLD_SILENT, told, facts)
    else:
        yield well(Check.SLURMCTLD, f"cluster {told.get('ClusterName', 'without a name')}")
    yield _judge(Check.VERSION, told, _version)
    yield _judge(Check.TRES, told, _tres, facts.components)
    yield _judge(Check.ENFORCE, told, _enforce)
    yield _judge(Check.DECAY, told, _decay)
    yield _judge(Check.RESET, told, _reset)
    level = told if isinstance(told, Silence) else facts.admin_level
    yield _judge(Check.ADMIN_LEVEL, level, _admin_level, facts)
    yield _judge(Check.PRIVATE_DATA, level, _private_data, facts)


def _books(facts: SlurmFacts) -> Iterator[Diagnosis]:
    """What slurmdbd and its accounts tell."""
    if isinstance(facts.books, Silence) and facts.books.cause is Cause.SPARED:
        yield not_looked_at(Check.SLURMDBD, facts.books)
    elif isinstance(facts.books, Silence):
        yield _silent(SLURMDBD_SILENT, facts.books, facts)
    else:
        yield well(Check.SLURMDBD, f"answers: {facts.books.get('SLURMDBD_VERSION', 'version not told')}")
    yield _judge(Check.SPARED, facts.pace, _pace)
    yield _judge(Check.PURGE, facts.retention, _purge)
    yield _judge(Check.PURGE_SUMS, facts.sums_retention, _purge_sums)
    yield _judge(Check.DEFAULT_ACCOUNT, facts.state, _default_account, facts.default_account)
    yield _judge(Check.USERS, facts.unknown_users, _users)
    yield _judge(Check.RUNAWAY, facts.runaways, _runaways)


def _silent(fault: Fault, silence: Silence, facts: SlurmFacts) -> Diagnosis:
    """A daemon that does not answer; where no command can be run, nobody has asked it."""
    if isinstance(facts.user, Silence):
        return not_looked_at(fault.check, silence)
    return wrong(fault, silence.words)


def _pace(pace: Pace) -> Diagnosis:
    if pace.trouble:
        return wrong(SLURMDBD_SPARED if pace.is_open else SLURMDBD_SLOW, pace.trouble)
    asked = f": {'; '.join(pace.under_way)}" if pace.under_way else ""
    return well(
        Check.SPARED, f"it answers in time; {len(pace.under_way)} of {pace.most} queries under way{asked}"
    )


def _version(told: Mapping[str, str]) -> Diagnosis:
    version = told.get("SLURM_VERSION", "")
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST_VERSION:
        return well(Check.VERSION, version)
    return wrong(OLD_VERSION, version or "not told")


def _tres(told: Mapping[str, str], components: Components) -> Diagnosis:
    if not components:
        return not_looked_at(Check.TRES, NO_COMPONENTS)
    tracked = told.get("AccountingStorageTRES", "").split(",")
    if missing := components.keys() - set(tracked):
        names = ",".join(sorted(missing))
        return wrong(UNTRACKED, f"{brief(missing)} not among {', '.join(tracked)}", tres=names)
    return well(Check.TRES, f"has {', '.join(components)}")


def _enforce(told: Mapping[str, str]) -> Diagnosis:
    enforced = told.get("AccountingStorageEnforce", "")
    if {"limits", "safe"} & set(enforced.split(",")):
        return well(Check.ENFORCE, enforced)
    return wrong(NOT_ENFORCED, enforced or "not told")


def _decay(told: Mapping[str, str]) -> Diagnosis:
    """Only priority/multifactor has the two settings: without it usage neither decays nor is reset."""
    half_life = told.get("PriorityDecayHalfLife")
    if half_life in (None, NO_DECAY):
        return well(Check.DECAY, "usage does not decay")
    return wrong(USAGE_DECAYS, f"half of the usage is forgotten after {half_life}")


def _reset(told: Mapping[str, str]) -> Diagnosis:
    period = told.get("PriorityUsageResetPeriod")
    if period in (None, "NONE"):
        return well(Check.RESET, "usage is never reset")
    if period == YEARLY:
        return well(Check.RESET, "usage is reset at the turn of the year: limits are for a year")
    return wrong(USAGE_RESET, f"usage is reset {period}")


def _is_admin(level: str, facts: SlurmFacts) -> bool:
    controller = facts.controller
    slurm_user = "" if isinstance(controller, Silence) else controller.get("SlurmUser", "").partition("(")[0]
    return level in MANAGES or facts.user in (ROOT, slurm_user)


def _admin_level(level: str, facts: SlurmFacts) -> Diagnosis:
    if _is_admin(level, facts):
        return well(Check.ADMIN_LEVEL, f"{facts.user}: {level or 'SLURM obeys its own user'}")
    found = f"{facts.user} has AdminLevel {level or 'None'}"
    return wrong(NOT_ADMIN, found, user=str(facts.user))


def _private_data(level: str, facts: SlurmFacts) -> Diagnosis:
    hidden: set[str] = set()
    for told in (facts.controller, facts.books):
        if not isinstance(told, Silence):
            hidden |= set(told.get("PrivateData", "").split(",")) - NOTHING_PRIVATE
    words = f"PrivateData={','.join(sorted(hidden))}" if hidden else "nothing is hidden"
    if hidden & HIDES and not _is_admin(level, facts):
        return wrong(RECORDS_HIDDEN, words, user=str(facts.user))
    return well(Check.PRIVATE_DATA, f"{words}, which does not bind {facts.user}" if hidden else words)


def _purge(retention: Retention | None) -> Diagnosis:
    if retention is None:
        return well(Check.PURGE, "job records are kept for ever")
    if purge_refusal(JANUARY, retention, END_OF_JANUARY):
        return wrong(PURGED_THIS_MONTH, str(retention))
    if purge_refusal(DECEMBER, retention, END_OF_JANUARY):
        return wrong(PURGED_LAST_MONTH, str(retention))
    return well(Check.PURGE, str(retention))


def _purge_sums(retention: Retention | None) -> Diagnosis:
    if retention is None:
        return well(Check.PURGE_SUMS, "slurmdbd's own sums are kept for ever")
    found = f"kept for {retention.count} {retention.unit.value}"
    short = purge_refusal(JANUARY, retention, END_OF_JANUARY) is not None
    return wrong(SUMS_PURGED, found) if short else well(Check.PURGE_SUMS, found)


def _default_account(state: ClusterState, account: str) -> Diagnosis:
    if account in state.accounts:
        return well(Check.DEFAULT_ACCOUNT, account)
    return wrong(NO_DEFAULT_ACCOUNT, f"{account!r} is not on the cluster", account=account + state.condition)


def _users(unknown: frozenset[str]) -> Diagnosis:
    if not unknown:
        return well(Check.USERS, "the operating system knows all of them")
    found = f"{len(unknown)} unknown to the operating system: {brief(unknown)}"
    return wrong(UNKNOWN_USERS, found, user=min(unknown))


def _runaways(jobs: frozenset[str]) -> Diagnosis:
    if not jobs:
        return well(Check.RUNAWAY, "none")
    return wrong(RUNAWAY_JOBS, f"{len(jobs)}: {brief(jobs)}")
