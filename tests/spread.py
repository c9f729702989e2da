"""Which tests are fast, in which order tests run, and how pytest-xdist spreads them over its workers.

pytest-xdist's own `--dist=loadgroup` groups nothing under pytest 9.2 (docs/decisions/0005).
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer

SLOW = ("prefect", "slurm", "docker", "browser")
"""The marks of what waits for a real part, the longest first."""
SHARED = "up"
"""The fixture that takes longest to make: all that need it go to one worker."""
SHARING, NOT_SHARING = "tests/integration/", "tests/integration/test_demo"
FIRST = (
    "tests/walks/test_docker_compose.py",
    "tests/flows/test_killed.py",
    "tests/flows/test_matrix.py",
    "tests/walks/test_install_page.py",
    NOT_SHARING,
)
"""What takes minutes and cannot be divided begins at once."""
DIVIDED = ("tests/flows/", "tests/slurm_io/test_changes_on_slurm.py")
UNDIVIDED = (*FIRST, "tests/flows/test_reconciling.py")
"""Files whose tests may run in several workers, and those among them whose tests share what one makes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--both-runners",
        action="store_true",
        help="every test of the SLURM door on the host and in a container",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test without a real part is fast; the longest come first, so that short ones fill up the ends."""
    if not config.getoption("--both-runners"):
        again = [item for item in items if item.get_closest_marker("docker") and is_native_first(item)]
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in again]
    for item in items:
        if rank(item) > len(SLOW):
            item.add_marker(pytest.mark.fast)
    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """What is there by now stays: it need not be searched for garbage again and again."""
    gc.collect()
    gc.freeze()


def is_native_first(item: pytest.Item) -> bool:
    return item.get_closest_marker("native_first") is not None


def rank(item: pytest.Item) -> int:
    """The longest have the lowest; above the number of slow kinds are the fast ones."""
    if SHARED in getattr(item, "fixturenames", ()):
        return -1
    if item.nodeid.startswith(FIRST):
        return 0
    return next((n for n, name in enumerate(SLOW, 1) if item.get_closest_marker(name)), len(SLOW) + 1)


class ByRealPart(LoadFileScheduling):
    """A file stays in one worker, and all files that need the running stack do; the rest is divided."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(DIVIDED) and not nodeid.startswith(UNDIVIDED):
            return nodeid
        shares = nodeid.startswith(SHARING) and not nodeid.startswith(NOT_SHARING)
        return SHARED if shares else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return ByRealPart(config, log)
