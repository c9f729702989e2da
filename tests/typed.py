"""`cloudrock-slurm` as a person types it: a process of its own, which is waited for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def typed(
    *words: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    seconds: float = 120,
) -> subprocess.CompletedProcess[str]:
    """`cloudrock-slurm WORDS` in a folder; with nothing but the environment that is given, else with ours."""
    return subprocess.run(
        [sys.executable, "-m", "cloudrock_slurm.main", *words],
        env=None if environment is None else dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
