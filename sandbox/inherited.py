"""The environment that the sandbox's programs inherit: the only place of the sandbox that reads it."""

from __future__ import annotations

import os


def environment() -> dict[str, str]:
    """A copy of this process's own."""
    return dict(os.environ)
