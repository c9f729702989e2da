"""The tables of a checkup: ill sites, and odd ones that are well."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from allocations import checkup_marketplace as market
from allocations import checkup_prefect_faults as prefect
from allocations import checkup_slurm_faults as slurm
from allocations.accounts import ROOT
from allocations.checkup import Cause, Check, Fault, Silence
from allocations.model import Account, ClusterState
from allocations.retention import Retention, RetentionUnit
from tests.allocations.checkup_sites import (
    BOOKS,
    CONTROLLER,
    HELD,
    MARKETPLACE,
    OFFERING,
    OWNER,
    PACE,
    PLAN,
    PREFECT,
    PROVIDER,
    SLURM,
)

if TYPE_CHECKING:
    from allocations.checkup_marketplace import MarketplaceFacts
    from allocations.checkup_prefect import PrefectFacts
    from allocations.checkup_slurm import SlurmFacts

DOWN = Silence("connection refused", Cause.UNREACHABLE)
REFUSED = Silence("Invalid token.", Cause.UNAUTHORIZED)
HIDDEN = Silence("Not found.", Cause.HIDDEN)
CPU, GPU = OFFERING.components


def told(**changes: str | None) -> dict[str, str]:
    """slurmctld's configuration with other values, or without some."""
    return {name: value for name, value in {**CONTROLLER, **changes}.items() if value is not None}


def other(**changes: Any) -> MarketplaceFacts:
    return replace(MARKETPLACE, offering=replace(OFFERING, **changes))


def relabelled(field: str, value: str) -> MarketplaceFacts:
    return other(components=(replace(CPU, fields={**CPU.fields, field: value}), GPU))


def purge(count: int, unit: RetentionUnit) -> SlurmFacts:
    return replace(SLURM, retention=Retention(count, unit))


def deployed(**changes: Any) -> PrefectFacts:
    return replace(PREFECT, held=[{**HELD, **changes}])


def stored(**told: str | None) -> PrefectFacts:
    """What the server says of its database."""
    return replace(PREFECT, database=told)


def served(**more: str) -> PrefectFacts:
    """The push side serves itself."""
    return replace(PREFECT, served="push-usage", held=[{**HELD, "name": "service", **more}])


ILL: dict[str, tuple[MarketplaceFacts | SlurmFacts | PrefectFacts, Fault, str]] = {
    "marketplace down": (replace(MARKETPLACE, owner=DOWN, offering=DOWN), market.UNREACHABLE, "refused"),
    "token wrong": (replace(MARKETPLACE, owner=REFUSED, offering=REFUSED), market.TOKEN_REFUSED, "Invalid"),
    "clock ahead": (replace(MARKETPLACE, skew_seconds=31.0), market.CLOCK_OFF, "31 s ahead of"),
    "clock far behind": (replace(MARKETPLACE, skew_seconds=-186.0), market.CLOCK_FAR_OFF, "186 s behind"),
    "token expires": (
        replace(MARKETPLACE, owner=replace(OWNER, token_lifetime_seconds=3600)),
        market.TOKEN_EXPIRES,
        "3600 s",
    ),
    "FreeIPA without staff": (replace(MARKETPLACE, needs_staff=True), market.NEEDS_STAFF, "olga"),
    "manager only": (
        replace(MARKETPLACE, owner=replace(OWNER, roles={PROVIDER: "manager"})),
        market.NOT_OWNER,
        "olga is manager there",
    ),
    "no role and no staff": (
        replace(MARKETPLACE, owner=replace(OWNER, roles={}, is_staff=False)),
        market.NOT_OWNER,
        "nothing",
    ),
    "offering hidden": (replace(MARKETPLACE, offering=HIDDEN), market.OFFERING_HIDDEN, "Not found"),
    "offering of another type": (other(type="Support"), market.OFFERING_TYPE, "Support"),
    "offering paused": (other(state="Paused"), market.OFFERING_INACTIVE, "Paused"),
    "plan archived": (other(plans=(replace(PLAN, in_use=False),)), market.NO_PLAN, "1 plans"),
    "no price": (other(plans=(replace(PLAN, priced=frozenset({"cpu"})),)), market.NO_PRICE, "gres/gpu"),
    "component lacks": (other(components=(CPU,)), market.OFFERED_OTHERWISE, "+ component gres/gpu"),
    "another unit": (relabelled("measured_unit", "days"), market.OFFERED_OTHERWISE, "'days'"),
    "another label": (relabelled("name", "Cores"), market.LABELLED_OTHERWISE, "'Cores'"),
    "no commands": (replace(SLURM, user=Silence("no scontrol")), slurm.NO_COMMANDS, "no scontrol"),
    "no container": (
        replace(SLURM, user=Silence("no such container"), container="c1"),
        slurm.CONTAINER_FAILS,
        "no such container",
    ),
    "local time": (replace(SLURM, utc_offset="+0200"), slurm.LOCAL_TIME, "+0200"),
    "slurmdbd down": (replace(SLURM, books=DOWN), slurm.SLURMDBD_SILENT, "refused"),
    "slurmdbd spared": (
        replace(SLURM, pace=replace(PACE, trouble="slow since 02:13", is_open=True)),
        slurm.SLURMDBD_SPARED,
        "slow since 02:13",
    ),
    "slurmdbd slow": (
        replace(SLURM, pace=replace(PACE, trouble="slow since 02:13")),
        slurm.SLURMDBD_SLOW,
        "slow since 02:13",
    ),
    "slurmctld down": (replace(SLURM, controller=DOWN), slurm.SLURMCTLD_SILENT, "refused"),
    "old version": (replace(SLURM, controller=told(SLURM_VERSION="21.08.5")), slurm.OLD_VERSION, "21.08.5"),
    "no version": (replace(SLURM, controller=told(SLURM_VERSION=None)), slurm.OLD_VERSION, "not told"),
    "untracked": (
        replace(SLURM, controller=told(AccountingStorageTRES="cpu,mem")),
        slurm.UNTRACKED,
        "gres/gpu not among",
    ),
    "not enforced": (
        replace(SLURM, controller=told(AccountingStorageEnforce="associations,qos")),
        slurm.NOT_ENFORCED,
        "associations,qos",
    ),
    "nothing enforced": (
        replace(SLURM, controller=told(AccountingStorageEnforce="")),
        slurm.NOT_ENFORCED,
        "not told",
    ),
    "decay": (
        replace(SLURM, controller=told(PriorityDecayHalfLife="7-00:00:00")),
        slurm.USAGE_DECAYS,
        "7-00:00:00",
    ),
    "reset monthly": (
        replace(SLURM, controller=told(PriorityUsageResetPeriod="MONTHLY")),
        slurm.USAGE_RESET,
        "MONTHLY",
    ),
    "no Operator": (replace(SLURM, admin_level="None"), slurm.NOT_ADMIN, "AdminLevel None"),
    "unknown to slurmdbd": (replace(SLURM, admin_level=""), slurm.NOT_ADMIN, "AdminLevel None"),
    "usage private": (
        replace(SLURM, admin_level="None", books={**BOOKS, "PrivateData": "jobs,usage"}),
        slurm.RECORDS_HIDDEN,
        "PrivateData=jobs,usage",
    ),
    "purged after 30 days": (purge(30, RetentionUnit.DAYS), slurm.PURGED_LAST_MONTH, "30days"),
    "purged after 29 days": (purge(29, RetentionUnit.DAYS), slurm.PURGED_THIS_MONTH, "29days"),
    "purged after 60 days": (purge(60, RetentionUnit.DAYS), slurm.PURGED_LAST_MONTH, "60days"),
    "purged after a day": (purge(24, RetentionUnit.HOURS), slurm.PURGED_THIS_MONTH, "24hours"),
    "sums purged": (
        replace(SLURM, sums_retention=Retention(2, RetentionUnit.DAYS)),
        slurm.SUMS_PURGED,
        "kept for 2 days",
    ),
    "no default account": (
        replace(SLURM, state=ClusterState({ROOT: Account(ROOT, None)})),
        slurm.NO_DEFAULT_ACCOUNT,
        "'cloudrock'",
    ),
    "users unknown": (
        replace(SLURM, unknown_users=frozenset({"max", "ada"})),
        slurm.UNKNOWN_USERS,
        "2 unknown to the operating system: ada, max",
    ),
    "runaways": (replace(SLURM, runaways=frozenset({"7"})), slurm.RUNAWAY_JOBS, "1: 7"),
    "no Prefect": (replace(PREFECT, server_version=DOWN), prefect.NO_SERVER, "refused"),
    "shut out of Prefect": (replace(PREFECT, server_version=REFUSED), prefect.NOT_LET_IN, "Invalid"),
    "clock set back": (replace(PREFECT, overdue={"hourly": "3:00:00"}), prefect.NOT_IN_TIME, "hourly: 3"),
    "asked through a proxy": (
        replace(PREFECT, is_proxied=True),
        prefect.PROXIED,
        "http://127.0.0.1:4200/api",
    ),
    "anybody may talk to Prefect": (replace(PREFECT, openness="it takes all"), prefect.OPEN_TO_ALL, "all"),
    "another Prefect": (replace(PREFECT, server_version="3.9.1"), prefect.OTHER_VERSION, "3.8.9 here"),
    "database in memory": (
        replace(PREFECT, database={"driver": None, "ours": "sqlite+aiosqlite:memory:"}),
        prefect.IN_MEMORY,
        "memory",
    ),
    "no pool": (replace(PREFECT, pool=None), prefect.NO_POOL, "headnode"),
    "pool paused": (replace(PREFECT, pool={"is_paused": True}), prefect.POOL_PAUSED, "paused"),
    "worker dead": (replace(PREFECT, workers=[{"status": "OFFLINE"}]), prefect.NO_WORKER, "1 workers"),
    "worker dead, and none can start": (
        replace(PREFECT, workers=[], taken="/s/runner_storage is not ours to write, it is eve's"),
        prefect.NONE_CAN_START,
        "0 workers are known, none of them is alive; /s/runner_storage is not ours to write, it is eve's",
    ),
    "not deployed": (replace(PREFECT, held=[]), prefect.NOT_DEPLOYED, "hourly"),
    "tags changed": (deployed(tags=[]), prefect.DEPLOYED_OTHERWISE, "hourly: tags [], not ['push']"),
    "schedule off": (
        deployed(schedules=[{**HELD["schedules"][0], "active": False}]),  # type: ignore[index]
        prefect.DEPLOYED_OTHERWISE,
        "schedules",
    ),
    "limit gone": (
        deployed(global_concurrency_limit=None, concurrency_options=None),
        prefect.DEPLOYED_OTHERWISE,
        "concurrency (None, None, None)",
    ),
    "deployed without a file": (
        replace(PREFECT, held=[HELD, {**HELD, "name": "daily", "tags": ["cloudrock-slurm"]}]),
        prefect.NOT_IN_THE_FILE,
        "not in prefect.yaml: daily",
    ),
    "automations otherwise": (
        replace(PREFECT, automations=["missing: automation 'cloudrock-slurm: a run failed'"]),
        prefect.AUTOMATIONS_OTHERWISE,
        "missing: automation 'cloudrock-slurm: a run failed'",
    ),
    "deployment paused": (deployed(paused=True), prefect.DEPLOYMENT_PAUSED, "hourly"),
    "not served": (replace(PREFECT, served="push-usage"), prefect.NOT_SERVED, "not on the server"),
    "not served, and cannot be": (
        replace(PREFECT, served="push-usage", taken="/s/runner_storage is not ours to write, it is eve's"),
        prefect.NONE_CAN_START,
        "not on the server; /s/runner_storage",
    ),
    "served by nobody": (
        replace(PREFECT, served="push-usage", held=[{**HELD, "name": "service", "status": "NOT_READY"}]),
        prefect.NOT_SERVED,
        "not ready",
    ),
}


WELL: dict[str, tuple[MarketplaceFacts | SlurmFacts | PrefectFacts, Check, str]] = {
    "staff": (
        replace(MARKETPLACE, needs_staff=True, owner=replace(OWNER, is_staff=True)),
        Check.ROLE,
        "staff",
    ),
    "staff, and nobody says so": (
        replace(MARKETPLACE, needs_staff=True, owner=replace(OWNER, roles={})),
        Check.ROLE,
        "sees its offering",
    ),
    "another's temporary folder, and a worker has its own": (
        replace(PREFECT, taken="/s/runner_storage is not ours to write, it is eve's"),
        Check.WORKER,
        "",
    ),
    "safe": (replace(SLURM, controller=told(AccountingStorageEnforce="safe")), Check.ENFORCE, "safe"),
    "priority/basic": (replace(SLURM, controller=told(PriorityDecayHalfLife=None)), Check.DECAY, "not decay"),
    "no reset": (
        replace(SLURM, controller=told(PriorityUsageResetPeriod="NONE")),
        Check.RESET,
        "never reset",
    ),
    "SlurmUser": (replace(SLURM, user="slurm", admin_level=""), Check.ADMIN_LEVEL, "its own user"),
    "root": (replace(SLURM, user="root", admin_level="", controller=told()), Check.ADMIN_LEVEL, "root"),
    "queries under way": (
        replace(SLURM, pace=replace(PACE, under_way=("PID 7",))),
        Check.SPARED,
        "1 of 2 queries under way: PID 7",
    ),
    "private for others": (
        replace(SLURM, books={**BOOKS, "PrivateData": "jobs"}),
        Check.PRIVATE_DATA,
        "does not bind agent",
    ),
    "kept for three months": (purge(3, RetentionUnit.MONTHS), Check.PURGE, "3months"),
    "sums kept": (
        replace(SLURM, sums_retention=Retention(12, RetentionUnit.MONTHS)),
        Check.PURGE_SUMS,
        "kept for 12 months",
    ),
    "container": (replace(SLURM, container="c1"), Check.CONTAINER, "in the container c1 as agent"),
    "PostgreSQL": (stored(driver="postgresql+asyncpg"), Check.DATABASE, "PostgreSQL"),
    "SQLite by our settings": (
        stored(driver=None, ours="sqlite+aiosqlite"),
        Check.DATABASE,
        "SQLite, enough for one cluster, by the settings of this environment",
    ),
    "secret address": (stored(connection_url="**********"), Check.DATABASE, "the server keeps to itself"),
    "served": (served(), Check.WORKER, "push-usage/service is served"),
    "served from a file": (served(entrypoint="flows/push.py:push_usage"), Check.WORKER, "is served"),
}
