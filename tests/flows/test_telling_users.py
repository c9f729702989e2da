"""Many users are told of in one task: one whom the marketplace refuses is nobody else's trouble."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

import pytest

from cloudrock_io.errors import (
    CloudrockError,
    CloudrockRejected,
    CloudrockServerError,
    CloudrockUnauthorized,
    CloudrockUnavailable,
)
from flows.association_tasks import refused

if TYPE_CHECKING:
    from collections.abc import Collection

pytestmark = pytest.mark.fast
WHERE = ("POST", "create_association/")
NO_PROFILE = CloudrockRejected(400, *WHERE, ("There is no FreeIPA profile",))


EVERYBODY = tuple(f"user{number}" for number in range(200))
SOMEBODY = EVERYBODY[7]
at_a_time = pytest.mark.parametrize("at_a_time", [1, 4])


class Marketplace:
    """Fails as it is told to, for one user or for all; knows whom it was asked about."""

    def __init__(self, failure: CloudrockError, whom: Collection[str]) -> None:
        self.failure, self.whom = failure, whom
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.lock = Lock()

    def tell(self, user: str) -> None:
        with self.lock:
            self.asked.append(user)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.001)
        with self.lock:
            self.at_once -= 1
        if user in self.whom:
            raise self.failure


@at_a_time
def test_whom_the_marketplace_refuses_is_named_and_the_others_are_told(at_a_time: int) -> None:
    marketplace = Marketplace(NO_PROFILE, {SOMEBODY})
    assert refused(marketplace.tell, EVERYBODY, at_a_time) == {SOMEBODY: NO_PROFILE}
    assert sorted(marketplace.asked) == sorted(EVERYBODY)


@at_a_time
def test_as_many_are_told_of_at_a_time_as_was_said(at_a_time: int) -> None:
    marketplace = Marketplace(NO_PROFILE, ())
    refused(marketplace.tell, EVERYBODY, at_a_time)
    assert marketplace.most_at_once == at_a_time


def test_refusals_come_in_the_order_of_the_users() -> None:
    assert tuple(refused(Marketplace(NO_PROFILE, EVERYBODY).tell, EVERYBODY, 4)) == EVERYBODY


@at_a_time
@pytest.mark.parametrize(
    "failure",
    [
        CloudrockUnauthorized(401, *WHERE, ("Invalid token",)),
        CloudrockUnavailable(*WHERE, "no answer", 2),
    ],
)
def test_what_would_refuse_everybody_ends_it_with_those_who_are_under_way(
    failure: CloudrockError, at_a_time: int
) -> None:
    marketplace = Marketplace(failure, EVERYBODY)
    with pytest.raises(type(failure)):
        refused(marketplace.tell, EVERYBODY, at_a_time)
    assert len(marketplace.asked) <= at_a_time


@at_a_time
def test_one_whom_the_marketplace_crashes_on_keeps_the_others_from_nothing_and_is_told_at_the_end(
    at_a_time: int,
) -> None:
    marketplace = Marketplace(CloudrockServerError(500, *WHERE), {SOMEBODY})
    with pytest.raises(CloudrockServerError):
        refused(marketplace.tell, EVERYBODY, at_a_time)
    assert sorted(marketplace.asked) == sorted(EVERYBODY)


@at_a_time
def test_a_marketplace_that_crashes_on_three_is_not_asked_about_the_rest(at_a_time: int) -> None:
    marketplace = Marketplace(CloudrockServerError(500, *WHERE), EVERYBODY)
    with pytest.raises(CloudrockServerError):
        refused(marketplace.tell, EVERYBODY, at_a_time)
    assert 3 <= len(marketplace.asked) <= 3 + at_a_time - 1


def test_a_run_that_is_stopped_waits_for_those_only_who_are_under_way() -> None:
    asked: list[str] = []

    def tell(user: str) -> None:
        asked.append(user)
        time.sleep(0.05)
        if user == EVERYBODY[0]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refused(tell, EVERYBODY, 4)
    assert len(asked) < len(EVERYBODY) / 2
