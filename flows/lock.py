"""One writer per cluster: a lock of our own, because Prefect's limits know nothing of other servers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from flows.choices import DeploymentType
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flows.settings import Settings


class ClusterIsTaken(Exception):  # noqa: N818 - names the fact
    """Another process writes to the cluster now."""


def lock_file(settings: Settings) -> Path:
    """The lock of the cluster that the settings name."""
    native = settings.deployment_type is DeploymentType.NATIVE
    return settings.state_dir / f"writer-{'native' if native else settings.container_name}.lock"


@contextmanager
def sole_writer(settings: Settings) -> Iterator[None]:
    """Hold the cluster's lock; the kernel lets go of it when the process dies.

    Raises:
        ClusterIsTaken: somebody holds it.
        SettingsError: the folder cannot be used.
    """
    path = lock_file(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(path)
        lock.acquire(timeout=0)
    except Timeout:
        raise ClusterIsTaken(f"another process writes to this cluster now (it holds {path})") from None
    except OSError as error:
        raise SettingsError(
            f"CLOUDROCK_STATE_DIR: {str(path.parent.absolute())!r} cannot be used ({error.strerror}): "
            "expected the path of a folder, made when missing"
        ) from None
    try:
        yield
    finally:
        lock.release()
