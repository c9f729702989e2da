"""Being somebody else for a moment: root may read and write all, so what is refused is tried as nobody."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534


@contextmanager
def somebody_without_rights() -> Iterator[None]:
    """Whoever else than root runs the tests may not write what is closed, and stays himself."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)
