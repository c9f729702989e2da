"""CLOUDROCK_STATE_DIR: a folder that can be written, and a lock in it that dies with its holder."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def writable(folder: Path) -> Path:
    """The folder, made when missing.

    Raises:
        SettingsError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"CLOUDROCK_STATE_DIR: cannot write in {str(folder.absolute())!r} ({error.strerror}): "
            "expected the path of a folder that the agent may write"
        ) from None
    return folder


@contextmanager
def one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Waits until nobody else, in any process, holds `name` in the folder, and holds it.

    Raises:
        SettingsError: the folder cannot be written.
    """
    with (writable(folder) / f"{name}.lock").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
