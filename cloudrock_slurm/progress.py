"""Progress of a long step in the terminal, on standard error; nothing where that is no terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.progress import Show

CLEAR = "\r\x1b[K"


@contextmanager
def terminal_progress() -> Iterator[Show]:
    """What shows it: one line, written over and over, that is gone at the end."""
    shown = False

    def show(words: str, percent: float) -> None:
        nonlocal shown
        if sys.stderr.isatty():
            sys.stderr.write(f"{CLEAR}{words} ({percent:.0f} %)")
            sys.stderr.flush()
            shown = True

    try:
        yield show
    finally:
        if shown:
            sys.stderr.write(CLEAR)
