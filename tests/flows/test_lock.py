"""One name's holders take turns, in whatever process or thread; others go on meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from flows.lock import LANES, every_lane, lane_of, one_of_its_lane
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

pytestmark = pytest.mark.fast

FIRST = "0" * 32
SAME, OTHER = (
    next(name for name in map("{:032x}".format, range(1, 999)) if (lane_of(name) == lane_of(FIRST)) is shared)
    for shared in (True, False)
)


def gets_in(
    held: AbstractContextManager[None], wanted: Callable[[], AbstractContextManager[None]], seconds: float
) -> bool:
    """Whether a thread that wants the one has it so soon while the other is held; it has it afterwards."""
    has_it = threading.Event()

    def want() -> None:
        with wanted():
            has_it.set()

    thread = threading.Thread(target=want, daemon=True)
    with held:
        thread.start()
        got_in = has_it.wait(seconds)
    until(has_it.is_set, "the lock that nobody holds any more", 20)
    thread.join()
    return got_in


@pytest.mark.parametrize("name", [FIRST, SAME])
def test_a_name_waits_for_its_own_lane(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "told"
    assert not gets_in(one_of_its_lane(folder, FIRST), lambda: one_of_its_lane(folder, name), 0.5)


def test_a_name_waits_for_no_other_lane(tmp_path: Path) -> None:
    folder = tmp_path / "told"
    assert gets_in(one_of_its_lane(folder, FIRST), lambda: one_of_its_lane(folder, OTHER), 20)


@pytest.mark.parametrize("name", [FIRST, OTHER])
def test_whoever_holds_every_lane_lets_nobody_in_and_waits_for_all(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "told"
    assert not gets_in(every_lane(folder), lambda: one_of_its_lane(folder, name), 0.5)
    assert not gets_in(one_of_its_lane(folder, name), lambda: every_lane(folder), 0.5)


def test_any_number_of_names_leaves_a_few_files(tmp_path: Path) -> None:
    for number in range(200):
        with one_of_its_lane(tmp_path / "told", f"{number:032x}"):
            pass
    assert len(list((tmp_path / "told").iterdir())) <= LANES
