"""Which processes are a cluster's own, read from /proc, and how they end.

Each daemon carries its cluster's folder in its environment. That survives a crash of whoever started it,
needs no record that could be stale, and cannot fit a foreign process that was given an old number.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.slurm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandbox.slurm.places import Places

FOLDER_MARK = "CLOUDROCK_SANDBOX_FOLDER"
DAEMON_MARK = "CLOUDROCK_SANDBOX_DAEMON"
PROC = Path("/proc")
KILL_SECONDS = 10.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """A process that is not another one with the same number: pid and start in clock ticks since boot."""

    pid: int
    started: int


@dataclass(frozen=True)
class Entry:
    """What /proc says about a live process."""

    process: Process
    parent: int
    name: str


def read_entry(pid: int) -> Entry | None:
    """None for a process that is gone, or ended and only waits for its parent."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] in "ZX":
        return None
    return Entry(Process(pid, int(fields[19])), int(fields[1]), name)


def live_entries() -> list[Entry]:
    """Every process of the machine but this one."""
    pids = (int(path.name) for path in PROC.iterdir() if path.name.isdecimal())
    return [entry for pid in pids if pid != os.getpid() and (entry := read_entry(pid))]


def environment_of(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it may not be read."""
    try:
        text = (PROC / str(pid) / "environ").read_text(errors="replace")
    except OSError:
        return {}
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)


def daemons_of(places: Places) -> dict[str, Process]:
    """The cluster's daemons that are alive, by name; the oldest when a daemon has forked."""
    found: dict[str, Process] = {}
    for entry in live_entries():
        environment = environment_of(entry.process.pid)
        if environment.get(FOLDER_MARK) == str(places.folder):
            name = environment.get(DAEMON_MARK, entry.name)
            known = found.get(name)
            if known is None or entry.process.started < known.started:
                found[name] = entry.process
    return found


def of_daemon(places: Places, name: str) -> set[Process]:
    """All processes of one daemon."""
    return {
        entry.process
        for entry in live_entries()
        if (environment := environment_of(entry.process.pid)).get(FOLDER_MARK) == str(places.folder)
        and environment.get(DAEMON_MARK) == name
    }


def all_of(places: Places) -> set[Process]:
    """The cluster's daemons, its jobs' keepers and jobs, and whatever these started."""
    entries = live_entries()
    own = {entry.process.pid for entry in entries if _belongs(entry, places)}
    grown = True
    while grown:
        children = {entry.process.pid for entry in entries if entry.parent in own} - own
        own |= children
        grown = bool(children)
    return {entry.process for entry in entries if entry.process.pid in own}


def all_of_user(uid: int) -> set[Process]:
    """Whatever runs as one OS user, whether really or effectively."""
    return {entry.process for entry in live_entries() if str(uid) in _users_of(entry.process.pid)}


def _users_of(pid: int) -> list[str]:
    with suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text(errors="replace").splitlines():
            if line.startswith("Uid:"):
                return line.split()[1:]
    return []


def _belongs(entry: Entry, places: Places) -> bool:
    pid = entry.process.pid
    environment = environment_of(pid)
    if environment.get(FOLDER_MARK) == str(places.folder):
        return True
    if "SLURM_JOB_ID" in environment and environment.get("SLURM_CONF") == str(places.slurm_conf):
        return True
    return entry.name == "slurmstepd" and any(path.startswith(f"{places.logs}/") for path in _open_files(pid))


def _open_files(pid: int) -> list[str]:
    paths: list[str] = []
    with suppress(OSError):
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                paths.append(str(descriptor.readlink()))
    return paths


def end(find: Callable[[], set[Process]], polite_seconds: float) -> None:
    """Ask what `find` finds to end, wait, then kill; never a process it did not find."""
    seen = find()
    _signal_all(seen, signal.SIGTERM)
    if not _gone(find, polite_seconds):
        deadline = time.monotonic() + KILL_SECONDS
        while left := find():
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"processes {sorted(p.pid for p in left)} do not end, not even killed: look at them",
                )
            seen |= left
            _signal_all(left, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
    reap(process.pid for process in seen)


def _gone(find: Callable[[], set[Process]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while find():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _signal_all(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            entry = read_entry(process.pid)
            if entry is not None and entry.process == process:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            raise SandboxError(
                f"process {process.pid} belongs to another user: stop the cluster as that user"
            ) from None
        finally:
            os.close(handle)


def reap(pids: Iterable[int]) -> None:
    """Take the exit codes of children that ended, so that none stays as a zombie."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
