"""The agent's folder, CLOUDROCK_STATE_DIR: the agent may read and write all of it, whoever made it.

An administrator runs a command as root now and then. What he made would shut the agent out: a lock, a month's
corrections.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from filelock import FileLock

from flows.settings import SettingsError, lend_to_matplotlib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.settings import Settings


def writable(folder: Path) -> Path:
    """The folder, made when missing; only its owner looks into it.

    Raises:
        SettingsError: it cannot be made or written.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in reversed(made):
            hand_over(each)
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
def accessible(path: Path) -> Iterator[Path]:
    """A file of the folder while it is read or written: afterwards it is the agent's, and a refusal names it.

    Raises:
        SettingsError: it cannot be read or written.
        TimeoutError: whatever was waited for inside.
    """
    try:
        yield path
        hand_over(path)
    except TimeoutError:
        raise
    except OSError as error:
        agent, where = name_of(os.geteuid()), path.absolute()
        raise SettingsError(
            f"CLOUDROCK_STATE_DIR: cannot read or write {str(where)!r} ({error.strerror}): expected a file "
            f"that the agent may read and write; when another user made it: chown {agent} {where}"
        ) from None


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """A file to be written whole beside the old one: it takes its place in one step, or is not there."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        hand_over(fresh)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


@contextmanager
def held(path: Path, seconds: float = -1) -> Iterator[None]:
    """A lock of the folder, waited for so long (for ever below 0); the kernel frees it with its process.

    Raises:
        SettingsError: it cannot be read or written.
        filelock.Timeout: somebody else holds it.
    """
    lock = FileLock(path, timeout=seconds, mode=0o600)
    with accessible(path):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def name_of(user: int) -> str:
    """A user's name; his number where he has none, as in a container."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def hand_over(path: Path) -> None:
    """What root makes in the agent's folder becomes the agent's: he would be shut out of it otherwise."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        if path.lstat().st_uid != owner.st_uid:
            with suppress(PermissionError):  # a root that may not, in a container: nobody else is there
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_room_for_matplotlib(settings: Settings) -> None:
    """To be called before matplotlib is imported; where the folder cannot be written it keeps nothing."""
    with suppress(SettingsError):
        writable(settings.state_dir / "matplotlib")
    lend_to_matplotlib(settings)
