"""Waiting for a fact, with an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")
PAUSE_SECONDS = 0.1


def until(
    fact: Callable[[], Found],
    what: str,
    seconds: float = 180,
    tell: Callable[[], object] = str,
    pause: float = PAUSE_SECONDS,
) -> Found:
    """What the fact is once it holds; a failure says what was waited for, and what `tell` knows then.

    `pause`: seconds between two looks; longer ones spare a server that is asked.
    """
    end = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what} {tell()}".strip()
        time.sleep(pause)
    return found
