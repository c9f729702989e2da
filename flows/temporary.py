"""The folder in which Prefect's worker and services keep what they need for a while.

It has one name for all users of a host, `runner_storage` in TMPDIR, without that in /tmp: whoever makes it
there first keeps the others from starting (Prefect 3.8, runner/runner.py).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from flows.state_folder import name_of

NAME = "runner_storage"


def taken() -> str:
    """Whose it is when no worker and no service of this user can start; else nothing."""
    folder = Path(tempfile.gettempdir()) / NAME
    writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK, effective_ids=True)
    if writable or not os.path.lexists(folder):
        return ""
    return f"{folder} is not ours to write, it is {name_of(folder.lstat().st_uid)}'s"
