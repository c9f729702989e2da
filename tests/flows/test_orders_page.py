"""docs/orders.md is what the tests saw: no row more, none less, no word different."""

from __future__ import annotations

import pytest

from tests.flows import matrix
from tests.flows.subjects import ALLOCATION_STATES, STATES
from tests.flows.test_matrix import FAULTS


def test_the_page_tells_exactly_what_was_seen() -> None:
    assert matrix.PAGE.read_text() == matrix.page(matrix.read())


@pytest.mark.parametrize("kind", matrix.ORDERS)
def test_every_state_of_every_kind_of_order_is_told(kind: str) -> None:
    told = {row.before for row in matrix.read() if (row.kind, row.fault) == (kind, matrix.UNDISTURBED)}
    late = {"executing, no resource yet"} if kind == "Create" else set()
    assert told == {*STATES, *(f"executing, allocation {state}" for state in ALLOCATION_STATES), *late}


@pytest.mark.parametrize("kind", [*matrix.ORDERS, *matrix.MEMBERS])
def test_every_fault_of_every_kind_is_told(kind: str) -> None:
    told = {row.fault for row in matrix.read() if row.kind == kind} - {matrix.UNDISTURBED}
    assert told == {matrix.KILLED, *(fault.name for fault in FAULTS)}
