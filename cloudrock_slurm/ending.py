"""How a command ends: its exit code, and one clear sentence for what went wrong."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from allocations.errors import InvalidComponents
from flows.expected import EXPECTED
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILED = 1
"""Something outside failed, or was refused."""
BAD_SETTINGS = 2


@contextmanager
def calm_ending() -> Iterator[None]:
    """Turn what can go wrong without a bug into a sentence on standard error and an exit code."""
    try:
        yield
    except (SettingsError, InvalidComponents) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(BAD_SETTINGS)
    except EXPECTED as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FAILED)
