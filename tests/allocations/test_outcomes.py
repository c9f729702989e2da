"""What a run says about its parts."""

from __future__ import annotations

import pytest

from allocations.kinds import Kind
from allocations.outcomes import Outcome, Result, verdict
from allocations.planning import Part
from tests.allocations.samples import order, resource

PART = Part(kind=Kind.CREATE, resource=None, order=order())


def outcome(result: Result, *remarks: str) -> Outcome:
    return Outcome(PART, result, remarks=list(remarks))


def resting(result: Result, kind: Kind = Kind.MEMBERS) -> Outcome:
    return Outcome(Part(kind=kind, resource=resource()), result)


def test_a_part_nothing_is_known_of_is_left_for_the_next_run() -> None:
    assert Outcome(PART).result is Result.LEFT


@pytest.mark.parametrize(
    ("outcomes", "unreadable", "well", "sentence"),
    [
        ([], [], True, "no orders to carry out"),
        ([outcome(Result.DONE)], [], True, "1 order: 1 done"),
        ([outcome(Result.DONE), outcome(Result.WAITING)], [], True, "2 orders: 1 done, 1 waiting"),
        ([outcome(Result.PLANNED)], [], True, "1 order: 1 planned"),
        ([outcome(Result.DONE), outcome(Result.ERRED)], [], False, "2 orders: 1 done, 1 erred"),
        ([outcome(Result.LEFT)], [], False, "1 order: 1 left for the next run"),
        ([outcome(Result.DONE, "look")], [], False, "1 order: 1 done; 1 with remarks"),
        ([outcome(Result.DONE)], ["bad"], False, "2 orders: 1 done, 1 unreadable"),
        ([], ["bad"], False, "1 order: 1 unreadable"),
        ([resting(Result.DONE)], [], True, "no orders to carry out; members of 1 allocation: 1 done"),
        (
            [outcome(Result.DONE), resting(Result.DONE), resting(Result.REFUSED)],
            [],
            False,
            "1 order: 1 done; members of 2 allocations: 1 done, 1 not applied",
        ),
        (
            [resting(Result.DONE, Kind.REPAIR), resting(Result.LEFT, Kind.REPAIR)],
            [],
            False,
            "no orders to carry out; repair of 2 accounts: 1 done, 1 left for the next run",
        ),
        (
            [outcome(Result.ENDED), resting(Result.DONE, Kind.ABANDONED)],
            [],
            False,
            "1 order: 1 ended by somebody else; left-over account of 1 Terminated resource: 1 done",
        ),
        (
            [resting(Result.DONE, Kind.LEFTOVERS)],
            [],
            True,
            "no orders to carry out; empty accounts of 1 project: 1 done",
        ),
    ],
)
def test_a_run_is_red_when_a_person_must_look(
    outcomes: list[Outcome],
    unreadable: list[str],
    well: bool,  # noqa: FBT001 - a table's column
    sentence: str,
) -> None:
    assert verdict(outcomes, unreadable) == (well, sentence)


def test_notes_end_the_sentence() -> None:
    assert (
        verdict([], notes=["2 pending", "1 approved"])[1] == "no orders to carry out; 2 pending; 1 approved"
    )


@pytest.mark.parametrize("result", Result)
def test_a_remark_makes_any_result_a_failure(result: Result) -> None:
    assert outcome(result, "look").is_failure
    calm = (Result.DONE, Result.WAITING, Result.PLANNED)
    assert outcome(result).is_failure == (result not in calm)


def test_only_orders_have_a_customer_who_waits() -> None:
    assert outcome(Result.DONE).is_of_an_order
    assert not resting(Result.DONE).is_of_an_order
