"""One at a time, between processes: a lock on a file, which the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Waits until nobody else holds `name` in the folder (CLOUDROCK_STATE_DIR), and holds it.

    Raises:
        SettingsError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f"{name}.lock").open("a", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"CLOUDROCK_STATE_DIR: cannot write in {str(folder.absolute())!r} ({error.strerror}): "
            "expected the path of a folder that the agent may write"
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
