"""pull-orders: make the cluster what the marketplace's orders say, and tell the marketplace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from allocations.outcomes import verdict
from flows import tasks
from flows.artifacts import publish_orders
from flows.calm import calmly
from flows.doors import open_cloudrock, open_slurm
from flows.orders import Run
from flows.settings import load_rules, load_settings
from flows.usernames import Usernames

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def run_name() -> str:
    """`pull-orders 2026-11-22 23:15:00`: the start tells pulls apart."""
    return f"pull-orders {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


@flow(name="pull-orders", flow_run_name=run_name)
def pull_orders() -> State[Any]:
    """Carry out every executing order of the offering, each by itself; red when one needs a person."""
    return calmly(pull, get_run_logger())


def pull() -> State[Any]:
    """The flow's body."""
    settings = load_settings()
    rules = load_rules(settings)
    slurm = open_slurm(settings)
    with open_cloudrock(settings) as cloudrock:
        tasks.fetch_offering(cloudrock)
        orders, unreadable = tasks.fetch_executing_orders(cloudrock)
        usernames = Usernames(cloudrock, settings.username_source)
        run = Run(cloudrock, slurm, rules, usernames, get_run_logger())
        outcomes = run.carry_out(orders) if orders else []
    well, summary = verdict(outcomes, unreadable)
    publish_orders(outcomes, unreadable, summary)
    return Completed(message=summary) if well else Failed(message=summary)
