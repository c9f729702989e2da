"""Laws are tried on the same examples at every run; captured text is read from one place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable

settings.register_profile("same-each-time", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("same-each-time")
CAPTURED = Path(__file__).parent.parent / "captured" / "slurm-22.05"


@pytest.fixture
def captured() -> Callable[[str], str]:
    """What SLURM printed, by the file's name."""
    return lambda name: (CAPTURED / name).read_text()
