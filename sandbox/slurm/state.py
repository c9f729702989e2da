"""What a cluster leaves on disk for other processes: its run-time folder, its ports, who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.slurm.config import Ports
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.processes import Process, read_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SECONDS = 60.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class State:
    """One start of a cluster. Once `holder` is gone it is a leftover; without one it stays until stopped."""

    run: Path
    ports: Ports
    holder: Process | None

    def is_held(self) -> bool:
        """Whether somebody still wants this cluster."""
        if self.holder is None:
            return True
        entry = read_entry(self.holder.pid)
        return entry is not None and entry.process == self.holder


def this_process() -> Process:
    """The process that runs this line."""
    entry = read_entry(os.getpid())
    if entry is None:
        raise SandboxError("/proc does not show this process: the sandbox needs Linux with /proc mounted")
    return entry.process


def write(state: State, path: Path) -> None:
    """Whole or not at all."""
    text = json.dumps({**asdict(state), "run": str(state.run)}, indent=2)
    fresh = path.with_suffix(".new")
    fresh.write_text(text + "\n")
    fresh.replace(path)


def read(path: Path) -> State | None:
    """None when there is none; a spoilt one is as good as none, for daemons are found without it."""
    try:
        found = json.loads(path.read_text())
        ports = found["ports"]
        holder = found["holder"]
        return State(
            run=Path(found["run"]),
            ports=Ports(
                int(ports["slurmdbd"]),
                int(ports["slurmctld"]),
                tuple(int(p) for p in ports["slurmd"]),
                None if ports["relay"] is None else int(ports["relay"]),
            ),
            holder=None if holder is None else Process(int(holder["pid"]), int(holder["started"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time starts or stops the cluster of a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise SandboxError(
            f"{folder} cannot be used ({error.strerror}): give a folder that this user may write"
        ) from None
    try:
        _wait_for_lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"another process has been starting or stopping the cluster in {folder} "
                    f"for {LOCK_SECONDS:.0f} s: wait for it or end it",
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
