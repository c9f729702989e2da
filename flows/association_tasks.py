"""Who may use an allocation, as the marketplace is told of it; each a Prefect task (see `flows.tasks`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prefect import task

from cloudrock_io.errors import CloudrockError, CloudrockRejected, CloudrockServerError, UnsendableToCloudrock
from flows.tasks import effect, once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cloudrock_io.client import Cloudrock

BAD_REQUEST = 400
"""The marketplace's answer for a user without a FreeIPA profile, or without the association (contract 5)."""
MOST_CRASHES = 3
"""Users whom the marketplace crashes on before it is taken to crash on all."""


@task(name="fetch-associations", task_run_name="{subject}: fetch associations", **effect)
def fetch_associated(cloudrock: Cloudrock, allocation_uuid: str, subject: str) -> frozenset[str]:
    """The user names that the marketplace associates with the allocation already."""
    del subject
    return frozenset(found.username for found in cloudrock.fetch_associations(allocation_uuid))


@task(name="create-associations", task_run_name="{subject}: associate users", **effect)
def create_associations(
    cloudrock: Cloudrock, resource_uuid: str, users: tuple[str, ...], subject: str
) -> dict[str, CloudrockRejected]:
    """Tell the marketplace who may use the allocation; twice is as once. Whom it refuses, and why."""
    del subject
    return refused(partial(cloudrock.create_association, resource_uuid), users)


@task(name="delete-associations", task_run_name="{subject}: dissociate users", **once)
def delete_associations(
    cloudrock: Cloudrock, resource_uuid: str, users: tuple[str, ...], subject: str
) -> dict[str, CloudrockRejected]:
    """Tell the marketplace who may not use the allocation any more. Whom it refuses, and why."""
    del subject
    return refused(partial(cloudrock.delete_association, resource_uuid), users)


def refused(tell: Callable[[str], None], users: Iterable[str]) -> dict[str, CloudrockRejected]:
    """Tell of each user; whom the marketplace refuses is nobody else's trouble.

    Nor is one whom it crashes on: the others are told of before that goes on, unless it crashes on several.
    What would meet everybody ends it at once.
    """
    refusals: dict[str, CloudrockRejected] = {}
    crashes: list[CloudrockError] = []
    for user in users:
        try:
            tell(user)
        except CloudrockRejected as refusal:
            if refusal.status != BAD_REQUEST:
                raise
            refusals[user] = refusal
        except (CloudrockServerError, UnsendableToCloudrock) as crash:
            crashes.append(crash)
            if len(crashes) == MOST_CRASHES:
                break
    if crashes:
        raise crashes[0]
    return refusals
