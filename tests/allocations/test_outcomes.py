"""What a run says about its orders."""

from __future__ import annotations

import pytest

from allocations.marketplace import OrderItem, OrderItemState, OrderItemType, Party
from allocations.outcomes import Outcome, Result, verdict

ORDER = OrderItem(
    uuid="0" * 32,
    type=OrderItemType.CREATE,
    state=OrderItemState.EXECUTING,
    name="x",
    resource_uuid=None,
    customer=Party("c", "C"),
    project=Party("p", "P"),
)


def outcome(result: Result, *remarks: str) -> Outcome:
    return Outcome(ORDER, result, remarks=list(remarks))


def test_an_order_nothing_is_known_of_is_left_for_the_next_run() -> None:
    assert Outcome(ORDER).result is Result.LEFT


@pytest.mark.parametrize(
    ("outcomes", "unreadable", "well", "sentence"),
    [
        ([], [], True, "no orders to carry out"),
        ([outcome(Result.DONE)], [], True, "1 order: 1 done"),
        ([outcome(Result.DONE), outcome(Result.WAITING)], [], True, "2 orders: 1 done, 1 waiting"),
        ([outcome(Result.UNTOUCHED)], [], True, "1 order: 1 not carried out by this version"),
        ([outcome(Result.DONE), outcome(Result.ERRED)], [], False, "2 orders: 1 done, 1 erred"),
        ([outcome(Result.LEFT)], [], False, "1 order: 1 left for the next run"),
        ([outcome(Result.DONE, "look")], [], False, "1 order: 1 done; 1 with remarks"),
        ([outcome(Result.DONE)], ["bad"], False, "2 orders: 1 done, 1 unreadable"),
        ([], ["bad"], False, "1 order: 1 unreadable"),
    ],
)
def test_a_run_is_red_when_a_person_must_look(
    outcomes: list[Outcome],
    unreadable: list[str],
    well: bool,  # noqa: FBT001 - a table's column
    sentence: str,
) -> None:
    assert verdict(outcomes, unreadable) == (well, sentence)


@pytest.mark.parametrize("result", Result)
def test_a_remark_makes_any_result_a_failure(result: Result) -> None:
    assert outcome(result, "look").is_failure
    assert outcome(result).is_failure == (result in (Result.ERRED, Result.LEFT))
