"""Processes that a test can tell from all others, on this host and in its containers."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest


@pytest.fixture
def lasting() -> str:
    """Seconds for `sleep` that no other process was ever told: the host sees a container's processes too."""
    return f"60.{secrets.randbelow(10**9):09}"


def sleepers(seconds: str) -> list[int]:
    """The processes that sleep so long."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\0")
        except OSError:
            continue
        if words[:2] == ["sleep", seconds]:
            found.append(int(path.parent.name))
    return found


def ended(seconds: str) -> bool:
    """Whether they are gone, in five seconds at most."""
    for _ in range(50):
        if not sleepers(seconds):
            return True
        time.sleep(0.1)
    return False
