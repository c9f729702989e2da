"""Who may use an allocation, as the marketplace is told of it; each a Prefect task (see `flows.tasks`)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from prefect import task

from cloudrock_io.errors import CloudrockError, CloudrockRejected, CloudrockServerError, UnsendableToCloudrock
from flows.tasks import effect, once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    cloudrock: Cloudrock, resource_uuid: str, users: tuple[str, ...], subject: str, at_a_time: int
) -> dict[str, CloudrockRejected]:
    """Tell the marketplace who may use the allocation; twice is as once. Whom it refuses, and why."""
    del subject
    return refused(partial(cloudrock.create_association, resource_uuid), users, at_a_time)


@task(name="delete-associations", task_run_name="{subject}: dissociate users", **once)
def delete_associations(
    cloudrock: Cloudrock, resource_uuid: str, users: tuple[str, ...], subject: str, at_a_time: int
) -> dict[str, CloudrockRejected]:
    """Tell the marketplace who may not use the allocation any more. Whom it refuses, and why."""
    del subject
    return refused(partial(cloudrock.delete_association, resource_uuid), users, at_a_time)


def refused(
    tell: Callable[[str], None], users: Sequence[str], at_a_time: int
) -> dict[str, CloudrockRejected]:
    """Tell of each user, some at a time; whom the marketplace refuses is nobody else's trouble.

    Nor is one whom it crashes on: the others are told of before that goes on, unless it crashes on several.
    What would meet everybody ends it at once, but for those who are under way.
    """
    crashes: list[CloudrockError] = []
    fatal: list[CloudrockError] = []
    stopped = Event()

    def attempt(user: str) -> CloudrockRejected | None:
        if stopped.is_set():
            return None
        try:
            tell(user)
        except CloudrockError as failure:
            if isinstance(failure, CloudrockRejected) and failure.status == BAD_REQUEST:
                return failure
            is_crash = isinstance(failure, CloudrockServerError | UnsendableToCloudrock)
            (crashes if is_crash else fatal).append(failure)
            if fatal or len(crashes) >= MOST_CRASHES:
                stopped.set()
        return None

    with ThreadPoolExecutor(at_a_time) as threads:
        try:
            refusals = dict(zip(users, threads.map(attempt, users), strict=True))
        finally:
            stopped.set()
    if failures := fatal + crashes:
        raise failures[0]
    return {user: refusal for user, refusal in refusals.items() if refusal}
