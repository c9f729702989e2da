"""Many users are told of in one task: one whom the marketplace refuses is nobody else's trouble."""

from __future__ import annotations

import pytest

from cloudrock_io.errors import (
    CloudrockError,
    CloudrockRejected,
    CloudrockServerError,
    CloudrockUnauthorized,
    CloudrockUnavailable,
)
from flows.association_tasks import refused

pytestmark = pytest.mark.fast
WHERE = ("POST", "create_association/")
NO_PROFILE = CloudrockRejected(400, *WHERE, ("There is no FreeIPA profile",))


def test_whom_the_marketplace_refuses_is_named_and_the_others_are_told() -> None:
    told: list[str] = []

    def tell(user: str) -> None:
        if user == "eve":
            raise NO_PROFILE
        told.append(user)

    assert refused(tell, ["ada", "eve", "max"]) == {"eve": NO_PROFILE}
    assert told == ["ada", "max"]


@pytest.mark.parametrize(
    "failure",
    [
        CloudrockUnauthorized(401, *WHERE, ("Invalid token",)),
        CloudrockUnavailable(*WHERE, "no answer", 2),
    ],
)
def test_what_would_refuse_everybody_ends_it_at_the_first_user(failure: CloudrockError) -> None:
    asked: list[str] = []

    def tell(user: str) -> None:
        asked.append(user)
        raise failure

    with pytest.raises(type(failure)):
        refused(tell, ["ada", "eve", "max"])
    assert asked == ["ada"]


def test_one_whom_the_marketplace_crashes_on_keeps_the_others_from_nothing_and_is_told_at_the_end() -> None:
    asked: list[str] = []

    def tell(user: str) -> None:
        asked.append(user)
        if user == "ada":
            raise CloudrockServerError(500, *WHERE)

    with pytest.raises(CloudrockServerError):
        refused(tell, ["ada", "eve", "max"])
    assert asked == ["ada", "eve", "max"]


def test_a_marketplace_that_crashes_on_three_is_not_asked_about_the_rest() -> None:
    asked: list[str] = []

    def tell(user: str) -> None:
        asked.append(user)
        raise CloudrockServerError(500, *WHERE)

    with pytest.raises(CloudrockServerError):
        refused(tell, [f"user{number}" for number in range(1000)])
    assert len(asked) == 3
