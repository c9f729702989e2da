"""The table of sites that a checkup cannot look at, in part or at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allocations.checkup import Cause, Check, Silence
from tests.allocations.checkup_sites import (
    MARKETPLACE,
    PREFECT,
    SLURM,
)

if TYPE_CHECKING:
    from allocations.checkup_marketplace import MarketplaceFacts
    from allocations.checkup_prefect import PrefectFacts
    from allocations.checkup_slurm import SlurmFacts

DOWN = Silence("connection refused", Cause.UNREACHABLE)


UNKNOWN: dict[str, tuple[MarketplaceFacts | SlurmFacts | PrefectFacts, set[Check]]] = {
    "no Date": (replace(MARKETPLACE, skew_seconds=None), {Check.CLOCK}),
    "odd offering": (
        replace(MARKETPLACE, offering=Silence("odd")),
        {Check.ROLE, Check.OFFERING, Check.PLAN, Check.OFFERED},
    ),
    "no file, so nothing to compare offered ones with": (
        replace(MARKETPLACE, components={}),
        {Check.OFFERED},
    ),
    "no file, so nothing to compare TRES with": (replace(SLURM, components={}), {Check.TRES}),
    "no slurmctld": (
        replace(SLURM, controller=DOWN, runaways=DOWN),
        {
            Check.VERSION,
            Check.TRES,
            Check.ENFORCE,
            Check.DECAY,
            Check.RESET,
            Check.ADMIN_LEVEL,
            Check.PRIVATE_DATA,
            Check.RUNAWAY,
        },
    ),
    "no commands, so no daemon was asked": (
        replace(SLURM, user=Silence("no scontrol"), controller=DOWN, books=DOWN),
        {
            *(Check.SLURMCTLD, Check.VERSION, Check.TRES, Check.ENFORCE, Check.DECAY, Check.RESET),
            *(Check.ADMIN_LEVEL, Check.PRIVATE_DATA, Check.SLURMDBD),
        },
    ),
    "no slurmdbd": (
        replace(
            SLURM,
            books=DOWN,
            retention=DOWN,
            sums_retention=DOWN,
            admin_level=DOWN,
            state=DOWN,
            unknown_users=DOWN,
        ),
        {
            Check.PURGE,
            Check.PURGE_SUMS,
            Check.ADMIN_LEVEL,
            Check.PRIVATE_DATA,
            Check.DEFAULT_ACCOUNT,
            Check.USERS,
        },
    ),
    "slurmdbd left alone": (
        replace(SLURM, books=Silence("slow since 02:13", Cause.SPARED)),
        {Check.SLURMDBD},
    ),
    "a state folder that cannot be written": (replace(SLURM, pace=Silence("not writable")), {Check.SPARED}),
    "no slurmdbd settings": (replace(SLURM, books=DOWN), set()),
    "Prefect half": (
        replace(PREFECT, openness=DOWN, database=DOWN, pool=DOWN, workers=DOWN, held=DOWN, overdue=DOWN),
        {Check.ENTRY, Check.DATABASE, Check.POOL, Check.WORKER, Check.DEPLOYMENTS, Check.SCHEDULES},
    ),
    "no automations.yaml": (replace(PREFECT, automations=Silence("no file")), {Check.AUTOMATIONS}),
    "no prefect.yaml": (replace(PREFECT, declared=Silence("no file")), {Check.DEPLOYMENTS}),
    "service unknown": (replace(PREFECT, served="pull-orders", held=DOWN), {Check.WORKER}),
}
