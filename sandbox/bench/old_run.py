"""One run of the old agents as published, without their loop's sleep: no part of them is kept here.

Run by a Python that has the package `waldur-slurm-agent` (0.2.2), never by ours: `old_run.py WHAT ...`.
pull: the pull, whole. push N: the hourly run for the first N allocations. members N: the same without job
records and amounts. list: what the hourly run does once. join ACCOUNT USER ...: users for one account.
"""

import sys
from collections.abc import Callable

from waldur_client import WaldurClientException
from waldur_slurm import (
    WALDUR_OFFERING_UUID,
    common_utils,
    slurm_backend,
    slurm_waldur_utils,
    waldur_rest_client,
    waldur_slurm_utils,
)
from waldur_slurm.slurm_client import logger
from waldur_slurm.slurm_client.structures import Allocation


def pull() -> None:
    """Orders: nothing else is looked at. Its loop logs what goes wrong, and goes on two minutes later."""
    try:
        waldur_slurm_utils.sync_data_from_waldur_to_slurm()
    except WaldurClientException as failure:
        logger.exception("The application crashed due to the error: %s", failure)


def listed() -> list[dict[str, str]]:
    """The allocations, and the offering: once an hour."""
    waldur_rest_client._get_offering(WALDUR_OFFERING_UUID)  # noqa: SLF001 - as its own code does
    query = {"offering_uuid": WALDUR_OFFERING_UUID, "state": "OK", "field": ["backend_id", "uuid"]}
    found: list[dict[str, str]] = waldur_rest_client.filter_marketplace_resources(query)
    return found


def push(count: str) -> None:
    """Everything that it does for each allocation."""
    accounts = [one["backend_id"] for one in listed()][: int(count)]
    slurm_waldur_utils.sync_data_from_slurm_to_waldur(slurm_backend.pull_allocations(accounts))


def members(count: str) -> None:
    """The same, when sacct would bring nothing and amounts were not told."""
    slurm_backend.get_usage_report = lambda *_: {}
    slurm_waldur_utils.submit_total_usage_for_allocation = lambda *_: None
    push(count)


def join(account: str, *users: str) -> None:
    """Users who get an association, on the cluster and in the marketplace."""
    query = {"offering_uuid": WALDUR_OFFERING_UUID, "backend_id": account}
    resource = waldur_rest_client.filter_marketplace_resources(query)[0]
    allocation = Allocation(marketplace_uuid=resource["uuid"], backend_id=account)
    added = slurm_backend.add_users_to_account(allocation, users)
    common_utils.add_users_to_allocation(allocation, added)


def nothing() -> None:
    """Start and end."""


WHAT: dict[str, Callable[..., object]] = {
    "pull": pull,
    "push": push,
    "members": members,
    "list": listed,
    "join": join,
    "nothing": nothing,
}
if __name__ == "__main__":
    WHAT[sys.argv[1]](*sys.argv[2:])
