"""One writer per cluster: a lock of our own, because Prefect's limits know nothing of other servers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from zlib import crc32

from filelock import Timeout

from flows.choices import DeploymentType
from flows.state_folder import held, writable

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
def one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Waits until nobody else, in any process, holds `name` in the folder, and holds it.

    Raises:
        SettingsError: the folder cannot be written.
    """
    with held(writable(folder) / f"{name}.lock"):
        yield


LANES = 32
"""Locks for any number of names: two names seldom share one, and nobody waits for a second one."""


def lane_of(name: str) -> int:
    """Which of the locks is a name's, in every process the same."""
    return crc32(name.encode()) % LANES


@contextmanager
def one_of_its_lane(folder: Path, name: str) -> Iterator[None]:
    """Waits until nobody else, in any process or thread, holds `name` or one that shares its lock.

    Raises:
        SettingsError: the folder cannot be written.
    """
    with one_at_a_time(folder, f"{lane_of(name):02}"):
        yield


@contextmanager
def every_lane(folder: Path) -> Iterator[None]:
    """Waits until nobody else holds any name, and holds them all.

    Raises:
        SettingsError: the folder cannot be written.
    """
    with ExitStack() as held_here:
        for lane in range(LANES):
            held_here.enter_context(one_at_a_time(folder, f"{lane:02}"))
        yield


@contextmanager
def sole_writer(settings: Settings) -> Iterator[None]:
    """Hold the cluster's lock; the kernel lets go of it when the process dies.

    Raises:
        ClusterIsTaken: somebody holds it.
        SettingsError: the folder cannot be used.
    """
    path = lock_file(settings)
    writable(path.parent)
    try:
        with held(path, seconds=0):
            yield
    except Timeout:
        raise ClusterIsTaken(f"another process writes to this cluster now (it holds {path})") from None
